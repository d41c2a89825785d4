"""Trained agents and models as functions of NumPy arrays."""

import os

import numpy as np

from lab_native import _lab

from .forms import Form


def load(run, best=False, data=None, python=None):
    """The agent or the model of a run, by its newest checkpoint, or the one with the best validation score.

    `data` is the new place of the run's data, `NAME:PATH`, for a model that is not loaded without them; `python` the Python
    that an environment `gym:ID` runs in, in place of the one of the run.
    """
    return Model(_lab.Model(os.fspath(run), best, data, None if python is None else os.fspath(python)))


class Model:
    """An agent or a model of data.

    `offers` names the methods that this one has; another raises `ValueError`. Images are arrays `[n, C, H, W]` of numbers
    from 0 for black to 1 for white, or of `uint8`.
    """

    def __init__(self, core):
        self._core = core
        spaces = core.spaces()
        self._form = Form(spaces) if spaces else None
        self.algorithm, self.subject, self.seed = core.algorithm, core.subject, core.seed
        self.offers, self.classes = tuple(core.offers), tuple(core.classes)

    def __repr__(self):
        return f"<lab.Model {self.algorithm} of {self.subject}: {', '.join(self.offers)}>"

    @property
    def observation_space(self):
        """Space of an agent's observations."""
        return self._acting("observation_space").observation_space

    @property
    def action_space(self):
        """Space of an agent's actions."""
        return self._acting("action_space").action_space

    def act(self, obs, sampled=False, mask=None):
        """The action for an observation, or for each of a row of them: the best one, or one drawn from the policy.

        `mask` says of each action whether it may be chosen, `[A]`, or `[n, A]` of several observations: `action_mask` of the
        `info` of an environment in which states lack actions. An agent with a network needs it there.
        """
        form = self._acting("act")
        obs, rows = form.observations(obs)
        mask = None if mask is None else form.masks(mask, rows)
        actions = np.frombuffer(self._core.act(obs, sampled, mask), form.action_dtype)
        actions = actions.reshape(rows + form.action_shape)
        return actions if actions.ndim else actions[()]

    def reseed(self, seed):
        """Seeds the draws of `act`."""
        self._core.reseed(seed)

    def q_values(self, obs):
        """q(s, a) of every action, −∞ where the state lacks it: `[A]`, or `[n, A]` of several observations."""
        obs, rows = self._acting("q_values").observations(obs)
        return np.frombuffer(self._core.q_values(obs), np.float64).reshape(*rows, -1)

    def log_prob(self, x, actions=None, labels=None):
        """The log-probability, in nats: of an agent log π(a|s) for observations `x` and `actions`; of a model of data
        log p(x) of images `x`, given their `labels` where it is conditional."""
        if self._form is not None:
            if actions is None:
                raise TypeError("log_prob: an agent's takes observations and actions")
            self._has("log_prob")
            obs, rows = self._form.observations(x)
            log_probs = self._core.log_prob_of_actions(obs, self._form.actions(actions, rows))
            log_probs = np.frombuffer(log_probs, np.float32).reshape(rows)
            return log_probs if rows else log_probs[()]
        self._has("log_prob")
        pixels, levels, rows = self._images(x, exact=True)
        log_probs = self._core.log_prob_of_images(pixels, levels, self._labels(labels, rows))
        log_probs = np.frombuffer(log_probs, np.float64)
        return log_probs if rows else log_probs[0]

    def sample(self, n, label=None, seed=None, temperature=None):
        """n images, or n points `[n, 2]`: the same for the same seed, by default those of `lab sample`."""
        self._has("sample")
        label = None if label is None else self._label(label)
        return _drawn(self._core.sample(n, label, seed, temperature))

    def encode(self, images, labels=None):
        """The latent vector of each image, `[n, Z]`, or its grid of codes, `[n, h, w]`."""
        self._has("encode")
        pixels, levels, rows = self._images(images)
        encoded, size = self._core.encode(pixels, levels, self._labels(labels, rows))
        if size:
            return np.frombuffer(encoded, np.float32).reshape(*rows, size)
        return np.frombuffer(encoded, np.uint8).reshape(*rows, *self._core.codes()[0])

    def decode(self, latents):
        """The mean image of each latent vector, or of each grid of codes."""
        self._has("decode")
        array = np.asarray(latents)
        codes = self._core.codes()
        if codes is None:
            if array.ndim not in (1, 2) or array.dtype.kind not in "iuf":
                raise ValueError(f"latents have the shape {array.shape}; [n, Z] is expected")
            images = _drawn(self._core.decode(array.astype(np.float32).tobytes(), array.shape[-1]))
            return images if array.ndim == 2 else images[0]
        grid, n_codes = codes
        if array.dtype.kind not in "iu" or array.shape[-2:] != tuple(grid) or array.ndim not in (2, 3):
            raise ValueError(f"codes have the shape {array.shape} and type {array.dtype}; whole numbers [n, {grid[0]}, {grid[1]}] are expected")
        if array.size and not 0 <= array.min() <= array.max() < n_codes:
            raise ValueError(f"codes lie between {array.min()} and {array.max()}; there are 0 to {n_codes - 1}")
        images = _drawn(self._core.decode(array.astype(np.uint8).tobytes(), 0))
        return images if array.ndim == 3 else images[0]

    def _has(self, method):
        if method not in self.offers:
            raise ValueError(f"{method}: this {self.algorithm} has none; it has {', '.join(self.offers)}")

    def _acting(self, method):
        if self._form is None:
            raise ValueError(f"{method}: this {self.algorithm} has none; it has {', '.join(self.offers)}")
        return self._form

    def _images(self, images, exact=False):
        """The bytes of images in so many levels, and the shape of their row."""
        array = np.asarray(images)
        shape, levels = self._core.takes()
        shape, levels = tuple(shape), levels if exact else 256
        if array.dtype.kind not in "biuf":
            raise TypeError(f"images: numbers are expected, not {array.dtype}")
        rows = array.shape[:-3]
        if array.ndim not in (3, 4) or array.shape[-3:] != shape:
            raise ValueError(f"images have the shape {array.shape}; (n, {', '.join(map(str, shape))}) is expected")
        white = 255 if array.dtype == np.uint8 else 1
        scaled = array.astype(np.float64) * ((levels - 1) / white)
        numbers = np.rint(scaled)
        if not np.isfinite(scaled).all() or (array.size and not 0 <= numbers.min() <= numbers.max() < levels):
            raise ValueError(f"images: numbers from 0 for black to {white} for white are expected")
        if exact and np.abs(scaled - numbers).max(initial=0) > 1e-3:
            raise ValueError(f"images: this model knows {levels} levels, multiples of 1/{levels - 1}; round to them first")
        return numbers.astype(np.uint8).tobytes(), levels, rows

    def _label(self, label):
        if isinstance(label, str):
            if label not in self.classes:
                known = ", ".join(self.classes) or "none"
                raise ValueError(f"label={label}: this model knows {known}")
            return self.classes.index(label)
        label = int(label)
        if not 0 <= label < len(self.classes):
            raise ValueError(f"label={label}: this model knows {len(self.classes)}")
        return label

    def _labels(self, labels, rows):
        if labels is None:
            return None
        labels = [labels] if not rows else list(labels)
        if len(labels) != (rows[0] if rows else 1):
            raise ValueError(f"{len(labels)} labels for {rows[0]} images")
        return [self._label(label) for label in labels]


def _drawn(drawn):
    numbers, (channels, height, width), levels = drawn
    if not levels:
        return np.frombuffer(numbers, np.float32).reshape(-1, 2)
    pixels = np.frombuffer(numbers, np.uint8).reshape(-1, channels, height, width)
    return pixels.astype(np.float32) / np.float32(levels - 1)
