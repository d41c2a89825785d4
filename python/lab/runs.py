"""Metrics of runs."""

import os

import numpy as np

from lab_native import _lab


def metrics(run):
    """The metrics of a run: `step`, and each metric by its name, all of the same length.

    A row of metrics has the loss of an update or the return of an evaluation only where there was one; elsewhere, and
    where a value was no number, the array has NaN.
    """
    steps, values = _lab.rows(os.fspath(run))
    arrays = {name: np.array(column) for name, column in values.items()}
    return {"step": np.array(steps, np.int64), **arrays}
