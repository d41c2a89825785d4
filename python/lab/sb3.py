"""Environments of lab for Stable-Baselines3, which is installed by `pip install stable-baselines3`."""

import numpy as np
from stable_baselines3.common.vec_env import VecEnv

from .vector import VectorEnv


def make_vec_env(name, n_envs=1, seed=None, **options):
    """Copies of one of lab's environments as a `VecEnv`, all of which Rust steps in one call."""
    return LabVecEnv(VectorEnv(name, n_envs, **options), seed)


class LabVecEnv(VecEnv):
    """A `VectorEnv` with the interface of Stable-Baselines3.

    Where an episode ends, `infos[i]` has `terminal_observation`, `TimeLimit.truncated`, and `episode` with its return and
    length, so that no `Monitor` is needed.
    """

    def __init__(self, envs, seed=None):
        self.envs = envs
        self.render_mode = envs.render_mode
        super().__init__(envs.num_envs, envs.single_observation_space, envs.single_action_space)
        if seed is not None:
            self.seed(seed)

    def reset(self):
        """Starts an episode in every copy, by the seed that was given last."""
        # SB3 numbers seeds from that of the first copy on; the copies of lab have streams of that one.
        seed = self._seeds[0]
        obs, infos = self.envs.reset(seed=None if seed is None else int(seed))
        self.reset_infos = self._split(infos)
        self._reset_seeds()
        self._reset_options()
        return obs

    def step_async(self, actions):
        """Keeps the actions of the next step."""
        self._actions = actions

    def step_wait(self):
        """Moves every copy one step on."""
        obs, rewards, terminated, truncated, infos = self.envs.step(self._actions)
        dones = terminated | truncated
        each = self._split(infos)
        if "final_obs" in infos:
            episodes = infos["final_info"]["episode"]
            for i in np.flatnonzero(dones):
                each[i]["terminal_observation"] = infos["final_obs"][i]
                each[i]["TimeLimit.truncated"] = bool(truncated[i])
                each[i]["episode"] = {"r": float(episodes["r"][i]), "l": int(episodes["l"][i]), "t": 0.0}
        return obs, rewards.astype(np.float32), dones, each

    def close(self):
        """Nothing is left open."""
        self.envs.close()

    def get_images(self):
        """The present frame of every copy."""
        return list(self.envs.render() or [])

    def get_attr(self, attr_name, indices=None):
        """An attribute of the environment, once for each copy."""
        return [getattr(self.envs, attr_name) for _ in self._get_indices(indices)]

    def set_attr(self, attr_name, value, indices=None):
        """Refused: the copies are one object."""
        raise AttributeError(f"{attr_name}: the options of lab's environments are given when they are made")

    def env_method(self, method_name, *args, indices=None, **kwargs):
        """A method by copy: `action_masks` of each."""
        if method_name == "action_masks":
            mask = np.frombuffer(self.envs._core.action_mask(), np.bool_).reshape(self.num_envs, -1)
            return [mask[i] for i in self._get_indices(indices)]
        raise AttributeError(f"{method_name}: lab's environments have no such method")

    def env_is_wrapped(self, wrapper_class, indices=None):
        """No copy is wrapped."""
        return [False for _ in self._get_indices(indices)]

    def _split(self, infos):
        if "action_mask" not in infos:
            return [{} for _ in range(self.num_envs)]
        return [{"action_mask": mask} for mask in infos["action_mask"]]
