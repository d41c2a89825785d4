"""Copies of an environment as `gymnasium.vector.VectorEnv`."""

import secrets

import gymnasium
import numpy as np
from gymnasium.vector import AutoresetMode
from gymnasium.vector.utils import batch_space

from lab_native import _lab

from .forms import Form, frame

# Types of the arrays that every environment has; an object of numpy.dtype is read faster than a class.
_FLOAT, _INTEGER, _BOOL = np.dtype(np.float64), np.dtype(np.int64), np.dtype(np.bool_)


class VectorEnv(gymnasium.vector.VectorEnv):
    """Copies of one of lab's environments, all of which Rust steps in one call.

    A copy is reset in the step in which its episode ends (`AutoresetMode.SAME_STEP`): `infos["final_obs"]` has the
    observation that ended it, `infos["final_info"]["episode"]` its return `r` and its length `l`.
    """

    metadata = {"render_modes": ["rgb_array"], "render_fps": 20, "autoreset_mode": AutoresetMode.SAME_STEP}

    def __init__(self, name, num_envs=1, render_mode=None, **options):
        if render_mode not in (None, "rgb_array"):
            raise ValueError(f"render_mode={render_mode!r}: there is rgb_array")
        self.num_envs, self.render_mode = num_envs, render_mode
        self._core = _lab.VectorEnv(name, num_envs, options)
        form = self._form = Form(self._core.spaces())
        self.single_observation_space = form.observation_space
        self.single_action_space = form.action_space
        self.observation_space = batch_space(form.observation_space, num_envs)
        self.action_space = batch_space(form.action_space, num_envs)
        # Shapes and places of the arrays in the bytes of a step.
        self._shape = (num_envs, *form.shape)
        self._action_shape = (num_envs, *form.action_shape)
        self._obs_at = 8 * num_envs
        self._size = form.dtype.itemsize * int(np.prod(form.shape))
        self._ends_at = self._obs_at + num_envs * self._size
        self._begun = False

    def reset(self, *, seed=None, options=None):
        """Starts an episode in every copy. Of one seed, copy i draws from lab's stream `env/i`, as in a training run; of
        a list of seeds, from stream `env/0` of its own."""
        if options:
            raise ValueError(f"options={options}: a reset takes none; give them to lab.make_vec")
        if seed is None:
            seeds = None if self._begun else [secrets.randbits(63)]
        elif isinstance(seed, (list, tuple, np.ndarray)):
            seeds = [int(seed) for seed in seed]
            if len(seeds) != self.num_envs:
                raise ValueError(f"{len(seeds)} seeds for {self.num_envs} environments")
        else:
            seeds = [int(seed)]
        obs = self._core.reset(seeds)
        self._begun = True
        return np.ndarray(self._shape, self._form.dtype, obs), self._infos()

    def step(self, actions):
        """Moves every copy one step on."""
        n, form = self.num_envs, self._form
        is_plain = actions.__class__ is np.ndarray and actions.shape == self._action_shape
        if is_plain and actions.dtype == form.action_dtype:
            rows = actions.tobytes()
        else:
            rows = form.actions(actions, (n,))
        if not self._begun:
            raise gymnasium.error.ResetNeeded("no episode has begun: call reset() before step()")
        results, finals = self._core.step(rows)
        # New arrays in each step, of memory that Rust has filled.
        obs = np.ndarray(self._shape, form.dtype, results, self._obs_at)
        rewards = np.ndarray(n, _FLOAT, results)
        terminated = np.ndarray(n, _BOOL, results, self._ends_at)
        truncated = np.ndarray(n, _BOOL, results, self._ends_at + n)
        infos = self._infos() if form.masked else {}
        if finals is not None:
            self._add_finals(infos, *finals)
        return obs, rewards, terminated, truncated, infos

    def render(self):
        """The present frame of every copy."""
        if self.render_mode is None:
            gymnasium.logger.warn('render() draws nothing without render_mode="rgb_array"')
            return None
        return tuple(frame(self._core.frame(i)) for i in range(self.num_envs))

    def _infos(self):
        if not self._form.masked:
            return {}
        mask = np.frombuffer(self._core.action_mask(), np.int8).reshape(self.num_envs, -1)
        return {"action_mask": mask, "_action_mask": np.ones(self.num_envs, np.bool_)}

    def _add_finals(self, infos, copies, results):
        n, k = self.num_envs, len(copies)
        obs = np.ndarray((k, *self._form.shape), self._form.dtype, results, 16 * n)
        ended = np.ndarray(n, _BOOL, results, 16 * n + k * self._size)
        # Of objects: None until it is assigned.
        final_obs = np.empty(n, object)
        for i, one in zip(copies, obs):
            final_obs[i] = one
        returns, lengths = np.ndarray(n, _FLOAT, results), np.ndarray(n, _INTEGER, results, 8 * n)
        episode = {"r": returns, "_r": ended, "l": lengths, "_l": ended}
        infos["final_obs"], infos["_final_obs"] = final_obs, ended
        infos["final_info"] = {"episode": episode, "_episode": ended}
        infos["_final_info"] = ended.copy()
