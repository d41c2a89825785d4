"""An environment of lab as `gymnasium.Env`."""

import gymnasium
import numpy as np

from lab_native import _lab

from .forms import Form, frame


class Env(gymnasium.Env):
    """One of lab's environments, with its options as keyword arguments.

    The time limit is the environment's own: it truncates by itself. Where a state lacks some of the actions,
    `info["action_mask"]` tells which ones it has, and another counts as the nearest number that it has.
    """

    metadata = {"render_modes": ["rgb_array", "ansi"], "render_fps": 20}

    def __init__(self, name, render_mode=None, **options):
        if render_mode is not None and render_mode not in self.metadata["render_modes"]:
            modes = self.metadata["render_modes"]
            raise ValueError(f"render_mode={render_mode!r}: there are {', '.join(modes)}")
        self.render_mode = render_mode
        self._core = _lab.Env(name, options)
        self._form = Form(self._core.spaces())
        self.observation_space = self._form.observation_space
        self.action_space = self._form.action_space

    def reset(self, *, seed=None, options=None):
        """Starts an episode; a seed begins lab's stream `env/0`, as the first copy of a training run has it."""
        super().reset(seed=seed)
        if options:
            raise ValueError(f"options={options}: a reset takes none; give them to lab.make")
        if seed is None and self._began is False:
            seed = int(self.np_random.integers(2**63))
        obs = self._core.reset(seed)
        self._began = True
        return self._obs(obs), self._info()

    # Was reset once.
    _began = False

    def step(self, action):
        """Moves one step on."""
        if not self._core.is_under_way():
            why = "the episode is over" if self._began else "no episode has begun"
            raise gymnasium.error.ResetNeeded(f"{why}: call reset() before step()")
        obs, reward, terminated, truncated = self._core.step(self._form.actions(action, ()))
        return self._obs(obs), reward, terminated, truncated, self._info()

    def render(self):
        """The present frame: pixels `[height, width, 3]`, or text."""
        if self.render_mode == "rgb_array":
            return frame(self._core.frame())
        if self.render_mode == "ansi":
            return self._core.text()
        gymnasium.logger.warn('render() draws nothing without render_mode="rgb_array" or "ansi"')
        return None

    def action_masks(self):
        """The actions that the present state has."""
        return np.frombuffer(self._core.action_mask(), np.bool_)

    @property
    def action_names(self):
        """Names of the actions; none of vectors."""
        return list(self._form.action_names)

    def _obs(self, obs):
        form = self._form
        array = np.frombuffer(obs, form.dtype)
        return array[0] if form.n_states else array.reshape(form.shape)

    def _info(self):
        if self._form.masked:
            return {"action_mask": np.frombuffer(self._core.action_mask(), np.int8)}
        return {}
