"""The part of lab that Rust is, and the command line.

Neither NumPy nor Gymnasium is imported here: `lab` starts at once, and as the only thread of its process, which
lets it set up memory for training.
"""

import os
import signal
import sys

from . import _lab

__all__ = ["command"]


def command():
    """Runs the command line: the exit code."""
    # Python's own handler would only note Ctrl-C, which the command line hears by itself.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    # Environments gym:ID run in this Python unless another one is given.
    if sys.executable:
        os.environ.setdefault("LAB_PYTHON", sys.executable)
    return _lab.main(sys.argv)
