#!/usr/bin/env python3
"""Steps per second of lab's environments from Python beside MinAtar's package, and a run of Stable-Baselines3's PPO.

    python3 -m venv target/python-env && target/python-env/bin/pip install ./python MinAtar stable-baselines3
    target/python-env/bin/python benches/python_env.py [steps|ppo]

All contestants take uniformly random actions that were drawn before, in turns of half a second; the median over the turns
counts, per second of the processor, so that other programs matter little.
"""

import statistics
import sys
import time

import gymnasium
import lab
import numpy as np

TURNS = 5
SECONDS = 0.5


def vectorised(envs):
    """Steps an environment of copies, whole arrays of random actions at a time."""
    n = envs.num_envs
    rows = np.random.default_rng(1).integers(0, envs.single_action_space.n, (1024, n))
    envs.reset(seed=1)

    def turn():
        begun, steps = time.process_time(), 0
        while time.process_time() - begun < SECONDS:
            for actions in rows:
                envs.step(actions)
            steps += len(rows) * n
        return steps / (time.process_time() - begun)

    return turn


def minatar_alone():
    """Steps MinAtar's own class, without Gymnasium, and asks for its observation."""
    from minatar import Environment

    env = Environment("breakout")
    actions = [int(action) for action in np.random.default_rng(1).integers(0, 6, 1024)]
    env.reset()

    def turn():
        begun, steps = time.process_time(), 0
        while time.process_time() - begun < SECONDS:
            for action in actions:
                _, over = env.act(action)
                env.state()
                if over:
                    env.reset()
            steps += len(actions)
        return steps / (time.process_time() - begun)

    return turn


def minatar_in_gymnasium(n):
    """Copies of MinAtar's environment as Gymnasium steps them one after the other."""
    from gymnasium.vector import AutoresetMode, SyncVectorEnv
    from minatar.gym import register_envs

    if "MinAtar/Breakout-v1" not in gymnasium.registry:
        register_envs()
    make = lambda: gymnasium.make("MinAtar/Breakout-v1", disable_env_checker=True)
    return vectorised(SyncVectorEnv([make] * n, autoreset_mode=AutoresetMode.SAME_STEP))


def single():
    """Steps one `gymnasium.Env` of lab's."""
    env = lab.make("breakout", disable_env_checker=True)
    actions = np.random.default_rng(1).integers(0, env.action_space.n, 1024)
    env.reset(seed=1)

    def turn():
        begun, steps = time.process_time(), 0
        while time.process_time() - begun < SECONDS:
            for action in actions:
                _, _, terminated, truncated, _ = env.step(action)
                if terminated or truncated:
                    env.reset()
            steps += len(actions)
        return steps / (time.process_time() - begun)

    return turn


def steps():
    contestants = {
        "MinAtar's class, `act` and `state`": minatar_alone(),
        "MinAtar in Gymnasium's `SyncVectorEnv`, 8 copies": minatar_in_gymnasium(8),
        "MinAtar in Gymnasium's `SyncVectorEnv`, 64 copies": minatar_in_gymnasium(64),
        '`lab.make("breakout")`': single(),
        **{
            f'`lab.make_vec("breakout", num_envs={n})`': vectorised(lab.make_vec("breakout", num_envs=n))
            for n in (8, 64, 512)
        },
    }
    rates = {name: [] for name in contestants}
    for _ in range(TURNS):
        for name, turn in contestants.items():
            rates[name].append(turn())
    print("| `breakout` | steps per second of the processor |")
    print("|---|---|")
    for name, measured in rates.items():
        print(f"| {name} | {statistics.median(measured):,.0f} |")


def ppo():
    import torch
    from lab.sb3 import make_vec_env
    from stable_baselines3 import PPO
    from stable_baselines3.common.evaluation import evaluate_policy

    # A network this small is no faster on two threads, which wait for each other by spinning.
    torch.set_num_threads(1)
    envs = make_vec_env("breakout", n_envs=8, seed=1)
    model = PPO("MlpPolicy", envs, n_steps=128, batch_size=256, n_epochs=4, ent_coef=0.01, seed=1, device="cpu")
    judged = make_vec_env("breakout", n_envs=8, seed=2)
    for part in range(3):
        if part:
            begun = time.perf_counter()
            model.learn(50_000, reset_num_timesteps=False)
            seconds = time.perf_counter() - begun
            print(f"{model.num_timesteps:,} steps, the last 50,000 in {seconds:.0f} s", end=": ")
        returns, _ = evaluate_policy(model, judged, n_eval_episodes=40, return_episode_rewards=True, warn=False)
        print(f"return {np.mean(returns):.2f} over {len(returns)} episodes")


if __name__ == "__main__":
    {"steps": steps, "ppo": ppo}[sys.argv[1] if len(sys.argv) > 1 else "steps"]()
