"""PPO or A2C of Stable-Baselines3, PPO of CleanRL: `policy_gradient.py ALGORITHM CONTESTANT ENV FILE`,
until it is killed.

They learn as `lab ppo` and `lab actor-critic` do in benches/run.py: the same networks, environments,
rollouts, batches and epochs. Transitions are counted and told as in dqn.py. CleanRL's ppo.py is run
from the installed package, with our network for images; it asks for the gym of 2021, in whose place
`old_gym` puts Gymnasium.
"""

import ast
import importlib.util
import json
import os
import sys
import types
from pathlib import Path

import gymnasium
import numpy as np
import torch
from torch import nn

from dqn import ENVS, FOREVER, ROW_EVERY, Minatar

N_ENVS = 8
# Steps of each environment in a rollout.
ROLLOUT = {"ppo": 128, "a2c": 5}
BATCHES, EPOCHS, LR = 4, 4, 2.5e-4


class Counter:
    """Counts the transitions of all environments and tells FILE."""

    def __init__(self, rows):
        self.rows, self.count = rows, 0

    def add(self):
        self.count += 1
        if self.count % ROW_EVERY == 0:
            print(json.dumps({"step": self.count}), file=self.rows, flush=True)


class Counted(gymnasium.Wrapper):
    def __init__(self, env, counter):
        super().__init__(env)
        self.counter = counter

    def step(self, action):
        self.counter.add()
        return self.env.step(action)


def stable_baselines3(algorithm, env_name, counter):
    from stable_baselines3 import A2C, PPO
    from stable_baselines3.common.vec_env import DummyVecEnv

    if env_name == "breakout":
        network = {"features_extractor_class": Minatar, "net_arch": [], "activation_fn": nn.ReLU}
    else:
        network = {"net_arch": {"pi": [64, 64], "vf": [64, 64]}, "activation_fn": nn.Tanh}
    envs = DummyVecEnv([lambda: Counted(gymnasium.make(ENVS[env_name]), counter)] * N_ENVS)
    common = {"policy_kwargs": network, "device": "cpu", "seed": 1, "n_steps": ROLLOUT[algorithm]}
    if algorithm == "a2c":
        agent = A2C("MlpPolicy", envs, ent_coef=0.0, **common)
    else:
        agent = PPO(
            "MlpPolicy",
            envs,
            learning_rate=LR,
            batch_size=N_ENVS * ROLLOUT[algorithm] // BATCHES,
            n_epochs=EPOCHS,
            clip_range_vf=0.2,
            ent_coef=0.01,
            **common,
        )
    agent.learn(FOREVER)


class Old:
    """One environment as the gym of 2021 shows it."""

    def __init__(self, env):
        self.env = env
        self.observation_space, self.action_space = env.observation_space, env.action_space
        self.first_seed = None

    def seed(self, seed):
        self.first_seed = seed

    def reset(self):
        obs, _ = self.env.reset(seed=self.first_seed)
        self.first_seed = None
        return obs

    def step(self, action):
        obs, reward, terminated, truncated, info = self.env.step(action)
        return obs, reward, terminated or truncated, info


class SyncVectorEnv:
    """Old environments stepped in turn, each begun anew when its episode ends."""

    def __init__(self, makes):
        self.envs = [make() for make in makes]
        self.single_observation_space = self.envs[0].observation_space
        self.single_action_space = self.envs[0].action_space

    def reset(self):
        return np.stack([env.reset() for env in self.envs])

    def step(self, actions):
        steps = [env.step(action) for env, action in zip(self.envs, actions, strict=True)]
        obs, rewards, dones, infos = map(list, zip(*steps, strict=True))
        for i, done in enumerate(dones):
            if done:
                obs[i] = self.envs[i].reset()
        return np.stack(obs), np.array(rewards), np.array(dones), infos

    def close(self):
        pass


def old_gym(counter):
    """A module with what CleanRL's ppo.py takes from gym."""
    gym = types.ModuleType("gym")
    statistics = gymnasium.wrappers.RecordEpisodeStatistics

    def make(name):
        return Old(statistics(Counted(gymnasium.make(name), counter)))

    gym.make, gym.spaces = make, gymnasium.spaces
    # Those of Gymnasium are around it already.
    gym.wrappers = types.SimpleNamespace(RecordEpisodeStatistics=lambda env: env)
    gym.vector = types.SimpleNamespace(SyncVectorEnv=SyncVectorEnv)
    return gym


def orthogonal(layer, gain):
    nn.init.orthogonal_(layer.weight, gain)
    nn.init.constant_(layer.bias, 0.0)
    return layer


class ImageAgent(nn.Module):
    """In place of CleanRL's `Agent`: one body for policy and critic, as in its ppo_atari.py."""

    def __init__(self, envs):
        super().__init__()
        self.network = Minatar(envs.single_observation_space)
        for layer in self.network.layers:
            if isinstance(layer, nn.Conv2d | nn.Linear):
                orthogonal(layer, 2**0.5)
        self.actor = orthogonal(nn.Linear(128, int(envs.single_action_space.n)), 0.01)
        self.critic = orthogonal(nn.Linear(128, 1), 1.0)

    def get_value(self, x):
        return self.critic(self.network(x))

    def get_action_and_value(self, x, action=None):
        features = self.network(x)
        probs = torch.distributions.Categorical(logits=self.actor(features))
        if action is None:
            action = probs.sample()
        return action, probs.log_prob(action), probs.entropy(), self.critic(features)


def cleanrl(algorithm, env_name, counter):
    sys.modules["gym"] = old_gym(counter)
    path = Path(importlib.util.find_spec("cleanrl").submodule_search_locations[0]) / "ppo.py"
    tree = ast.parse(path.read_text())
    names = {"__name__": "__main__", "__file__": str(path)}
    if env_name == "breakout":
        tree.body = [node for node in tree.body if getattr(node, "name", None) != "Agent"]
        names["Agent"] = ImageAgent
    options = {
        "env-id": ENVS[env_name],
        "total-timesteps": FOREVER,
        "learning-rate": LR,
        "anneal-lr": False,
        "num-envs": N_ENVS,
        "num-steps": ROLLOUT[algorithm],
        "num-minibatches": BATCHES,
        "update-epochs": EPOCHS,
    }
    sys.argv = [str(path)] + [f"--{name}={value}" for name, value in options.items()]
    exec(compile(tree, path, "exec"), names)


def main():
    algorithm, contestant, env_name, file = sys.argv[1:]
    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    with open(file, "a") as rows:
        run = {"sb3": stable_baselines3, "cleanrl": cleanrl}[contestant]
        run(algorithm, env_name, Counter(rows))


if __name__ == "__main__":
    main()
