"""DQN of Stable-Baselines3 or CleanRL: `dqn.py CONTESTANT ENV FILE`, until it is killed.

Both learn as `lab dqn` does in benches/run.py: the same network, batch, replay, intervals and ε.
Each transition is counted where the environment is stepped; FILE gets a row now and then, in the
form of lab's metrics.jsonl. CleanRL's dqn.py is run from the installed package, with our network.
"""

import ast
import importlib.util
import json
import os
import sys
from pathlib import Path

import gymnasium as gym
import torch
from torch import nn

ENVS = {"cartpole": "CartPole-v1", "breakout": "MinAtar/Breakout-v1"}
BATCH = {"cartpole": 128, "breakout": 32}
# In transitions.
REPLAY, WARMUP, TRAIN_EVERY, TARGET_EVERY, FOREVER = 100_000, 1_000, 4, 500, 1_000_000_000
LR, EPSILON = 2.5e-4, 0.05
ROW_EVERY = 200


class Counted(gym.Wrapper):
    """Counts transitions and tells FILE."""

    def __init__(self, env, rows):
        super().__init__(env)
        self.rows, self.step_count = rows, 0

    def step(self, action):
        self.step_count += 1
        if self.step_count % ROW_EVERY == 0:
            print(json.dumps({"step": self.step_count}), file=self.rows, flush=True)
        return self.env.step(action)


class Minatar(nn.Module):
    """Observations [B, 10, 10, C] to 128 features, 16 filters of 3×3 between them."""

    def __init__(self, observation_space):
        super().__init__()
        self.features_dim = 128
        channels = observation_space.shape[-1]
        self.layers = nn.Sequential(
            nn.Conv2d(channels, 16, 3), nn.ReLU(), nn.Flatten(), nn.Linear(1024, 128), nn.ReLU()
        )

    def forward(self, obs):
        return self.layers(obs.float().permute(0, 3, 1, 2))


class QNetwork(nn.Sequential):
    """In place of CleanRL's network, with its constructor."""

    def __init__(self, envs):
        actions = int(envs.single_action_space.n)
        space = envs.single_observation_space
        if len(space.shape) == 3:
            super().__init__(Minatar(space), nn.Linear(128, actions))
        else:
            hidden1, hidden2 = nn.Linear(space.shape[0], 128), nn.Linear(128, 128)
            out = nn.Linear(128, actions)
            super().__init__(hidden1, nn.ReLU(), hidden2, nn.ReLU(), out)


def stable_baselines3(env_name, rows):
    from stable_baselines3 import DQN

    if env_name == "breakout":
        network = {"features_extractor_class": Minatar, "net_arch": []}
    else:
        network = {"net_arch": [128, 128]}
    agent = DQN(
        "MlpPolicy",
        Counted(gym.make(ENVS[env_name]), rows),
        learning_rate=LR,
        buffer_size=REPLAY,
        learning_starts=WARMUP,
        batch_size=BATCH[env_name],
        train_freq=TRAIN_EVERY,
        gradient_steps=1,
        target_update_interval=TARGET_EVERY,
        exploration_initial_eps=EPSILON,
        exploration_final_eps=EPSILON,
        policy_kwargs=network,
        device="cpu",
        seed=1,
    )
    agent.learn(FOREVER)


def cleanrl(env_name, rows):
    make = gym.make
    gym.make = lambda *arguments, **options: Counted(make(*arguments, **options), rows)
    path = Path(importlib.util.find_spec("cleanrl").submodule_search_locations[0]) / "dqn.py"
    tree = ast.parse(path.read_text())
    tree.body = [node for node in tree.body if getattr(node, "name", None) != "QNetwork"]
    options = {
        "env-id": ENVS[env_name],
        "total-timesteps": FOREVER,
        "learning-rate": LR,
        "buffer-size": REPLAY,
        "batch-size": BATCH[env_name],
        "start-e": EPSILON,
        "end-e": EPSILON,
        "learning-starts": WARMUP,
        "train-frequency": TRAIN_EVERY,
        "target-network-frequency": TARGET_EVERY,
    }
    sys.argv = [str(path)] + [f"--{name}={value}" for name, value in options.items()]
    names = {"__name__": "__main__", "__file__": str(path), "QNetwork": QNetwork}
    exec(compile(tree, path, "exec"), names)


def main():
    contestant, env_name, file = sys.argv[1:]
    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    with open(file, "a") as rows:
        {"sb3": stable_baselines3, "cleanrl": cleanrl}[contestant](env_name, rows)


if __name__ == "__main__":
    main()
