"""Spaces, observations and actions as lab describes them."""

import numpy as np
from gymnasium import spaces


class Form:
    """Spaces of an environment, and the bytes that its observations and actions are in Rust."""

    def __init__(self, described):
        (shape, kind, n_states), (names, low, high), self.masked = described
        self.dtype, self.shape, self.n_states = np.dtype(kind), tuple(shape), n_states
        self.action_names = names
        if n_states:
            self.observation_space = spaces.Discrete(n_states)
        elif kind == "float32":
            self.observation_space = spaces.Box(-np.inf, np.inf, self.shape, np.float32)
        else:
            self.observation_space = spaces.Box(0, 1 if kind == "bool" else 255, self.shape, self.dtype.type)
        if names:
            self.action_space = spaces.Discrete(len(names))
            self.action_shape, self.action_dtype, self.action_kinds = (), np.dtype(np.int64), "iu"
        else:
            self.action_space = spaces.Box(np.float32(low), np.float32(high), dtype=np.float32)
            self.action_shape, self.action_dtype, self.action_kinds = (len(low),), np.dtype(np.float32), "iuf"

    def actions(self, actions, rows):
        """The bytes of actions, for which `rows` is the shape of all of them before that of one."""
        array = np.asarray(actions)
        if array.dtype.kind not in self.action_kinds:
            expected = "whole numbers are" if self.action_kinds == "iu" else "numbers are"
            raise TypeError(f"actions: {expected} expected, not {array.dtype}")
        if array.shape != rows + self.action_shape:
            expected = rows + self.action_shape
            raise ValueError(f"actions have the shape {array.shape}, and {expected} is expected")
        return array.astype(self.action_dtype, copy=False).tobytes()

    def masks(self, mask, rows):
        """The bytes of masks of actions, for observations of which `rows` is the shape of the row."""
        if not self.action_names:
            raise ValueError("mask: the actions of this environment are vectors, of which none can be masked")
        array = np.asarray(mask)
        known = "True or 1 is expected for each action that may be chosen, False or 0 for the others"
        if array.dtype.kind not in "biu":
            raise TypeError(f"mask: {known}, not {array.dtype}")
        if array.size and not 0 <= array.min() <= array.max() <= 1:
            raise ValueError(f"mask: {known}")
        expected = rows + (len(self.action_names),)
        if array.shape != expected:
            raise ValueError(f"mask has the shape {array.shape}, and {expected} is expected")
        if not array.any(axis=-1).all():
            raise ValueError("mask: at least one action of each observation has to be allowed")
        return array.astype(np.uint8).tobytes()

    def observations(self, obs):
        """The bytes of one observation or of a row of them, and the shape of the row."""
        array = np.asarray(obs)
        rows = array.shape[: array.ndim - len(self.shape)]
        kinds = "iu" if self.n_states else "biuf"
        if array.dtype.kind not in kinds:
            expected = "numbers of states are" if self.n_states else "numbers are"
            raise TypeError(f"observations: {expected} expected, not {array.dtype}")
        if array.ndim < len(self.shape) or len(rows) > 1 or array.shape[len(rows) :] != self.shape:
            raise ValueError(
                f"observations have the shape {array.shape}; {self.shape} is expected, or (n, …) of several"
            )
        if self.n_states:
            return array.astype(np.int64, copy=False).tobytes(), rows
        array = array.astype(np.float32)
        if self.dtype == np.uint8:
            array /= 255
        if len(self.shape) == 3:
            array = np.moveaxis(array, -1, -3)
        return array.tobytes(), rows


def frame(drawn):
    """The pixels of a frame, `[height, width, 3]`."""
    pixels, height, width = drawn
    return np.frombuffer(pixels, np.uint8).reshape(height, width, 3)
