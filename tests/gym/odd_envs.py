"""Environments that do what no environment should, for tests/gym/main.rs."""
import os
import sys
import time

import gymnasium
import numpy as np
from gymnasium import spaces
from gymnasium.envs.classic_control.cartpole import CartPoleEnv

# The step at which something happens.
AT = 50


class Counter(gymnasium.Env):
    """Shows how many steps the episode has, as a part of 10, and a number drawn at its start; ends after 10."""

    observation_space = spaces.Box(-1.0, 10.0, (3,), np.float32)
    action_space = spaces.Discrete(2, start=3)

    def __init__(self, length=10, render_mode=None):
        self.length, self.render_mode = length, render_mode
        self.all_steps = 0

    def obs(self):
        return np.array([self.steps / 10, self.drawn, self.last / 10], np.float32)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.steps, self.last, self.drawn = 0, 0, self.np_random.random()
        return self.obs(), {}

    def step(self, action):
        assert self.action_space.contains(action), action
        self.steps, self.all_steps, self.last = self.steps + 1, self.all_steps + 1, action
        if self.all_steps == AT:
            self.happen()
        return self.shown(), self.reward(), self.steps >= self.length, False, {}

    def happen(self):
        """Nothing."""

    def shown(self):
        return self.obs()

    def reward(self):
        return 1.0


class Raises(Counter):
    def happen(self):
        raise ValueError("the reactor is too hot\nsee the manual")


class RaisesInReset(Counter):
    def reset(self, *, seed=None, options=None):
        raise RuntimeError("no ground to stand on")


class RaisesInInit(Counter):
    def __init__(self):
        raise RuntimeError("no licence")


class NotANumber(Counter):
    def shown(self):
        obs = self.obs()
        if self.all_steps == AT:
            obs[1] = np.nan
        return obs


class NoReward(Counter):
    def reward(self):
        return np.nan if self.all_steps == AT else 1.0


class WrongShape(Counter):
    def shown(self):
        return np.zeros(4, np.float32) if self.all_steps == AT else self.obs()


class Dies(Counter):
    def happen(self):
        print("last words", file=sys.stderr, flush=True)
        os._exit(3)


class ClosesPipes(Counter):
    def happen(self):
        os.closerange(3, 100)


class Sleeps(Counter):
    def happen(self):
        time.sleep(600)


class Prints(Counter):
    def step(self, action):
        print("from Python", flush=True)
        os.write(1, b"from the file descriptor\n")
        assert sys.stdin.read() == ""
        return super().step(action)


class Unpicklable(Counter):
    def __init__(self):
        super().__init__()
        self.lambda_ = lambda: 0


class Truncates(Counter):
    def step(self, action):
        obs, reward, _, _, info = super().step(action)
        return obs, reward, False, self.steps >= 7, info


class Pixels(Counter):
    """Rows 4, columns 5, 3 colours: the pixel (i, j, c) is 100 c + 10 i + j."""

    observation_space = spaces.Box(0, 255, (4, 5, 3), np.uint8)

    def obs(self):
        i, j, c = np.indices((4, 5, 3))
        return (100 * c + 10 * i + j).astype(np.uint8)


class Drawn(Counter):
    """Is as grey as the episode is long."""

    metadata = {"render_modes": ["rgb_array"]}

    def render(self):
        return np.full((2, 2, 3), self.steps, np.uint8)


class Nested(Counter):
    observation_space = spaces.Dict(
        {
            "which": spaces.Discrete(3, start=1),
            "both": spaces.Tuple([spaces.MultiBinary(2), spaces.MultiDiscrete([2, 3])]),
            "where": spaces.Box(-1, 1, (2,), np.float64),
        }
    )
    action_space = spaces.MultiDiscrete([2, 3])

    def obs(self):
        return {
            "which": 2,
            "both": (np.array([1, 0]), np.array([1, 2])),
            "where": np.array([0.25, -0.5]),
        }

    def step(self, action):
        obs, _, terminated, truncated, info = super().step(action)
        self.last = 0
        return obs, float(10 * action[0] + action[1]), terminated, truncated, info


class Torques(Counter):
    action_space = spaces.Box(np.array([-2, 0], np.float32), np.array([2, 1], np.float32))

    def step(self, action):
        assert self.action_space.contains(action), action
        obs, _, terminated, truncated, info = super().step(action)
        self.last = 0
        return obs, float(10 * action[0] + action[1]), terminated, truncated, info

    def obs(self):
        return np.zeros(3, np.float32)


class Words(Counter):
    observation_space = spaces.Text(10)


class Boundless(Counter):
    action_space = spaces.Box(-np.inf, np.inf, (1,))


class Numerous(Counter):
    action_space = spaces.MultiBinary(20)


class Placed(CartPoleEnv):
    """Cart-pole from one place."""

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.state = np.array([0.01, -0.02, 0.03, 0.04], np.float64)
        return np.array(self.state, dtype=np.float32), {}


for kind in list(globals().values()):
    if isinstance(kind, type) and issubclass(kind, gymnasium.Env) and kind.__module__ == __name__:
        gymnasium.register(f"{kind.__name__}-v0", kind)
gymnasium.register("Limited-v0", Counter, max_episode_steps=6)
