#!/usr/bin/env python3
"""Frames per second of DQN on Pong with the network of Mnih et al. (2015): lab's `gym:ALE/Pong-v5` beside Stable-Baselines3.

    python3 -m venv target/atari
    target/atari/bin/pip install gymnasium ale-py opencv-python-headless stable-baselines3
    cargo build --release
    target/atari/bin/python benches/atari.py [target/release/lab]

Both step four copies of the game with the same preprocessing, make an update of 32 transitions for each four, and compute with one
thread. They take turns; the mean of two turns counts, frames after the warm-up per second of the processor, so that other programs
matter little. A step is four frames.
"""

import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROUNDS = 2
ENVS, WARMUP, STEPS, REPLAY = 4, 300, 900, 5_000


def lab(program):
    """Frames per second of lab and its worker: what a run takes beyond one that ends with the warm-up."""
    spent = [lab_seconds(program, steps) for steps in (WARMUP, STEPS)]
    return 4 * (STEPS - WARMUP) / (spent[1] - spent[0])


def lab_seconds(program, steps):
    """Seconds of the processor that a run takes with its worker."""
    with tempfile.TemporaryDirectory() as place:
        run = Path(place) / "run"
        line = (
            f"dqn --env gym:ALE/Pong-v5 --network nature --hidden 512 --n-envs {ENVS} --replay {REPLAY} --warmup {WARMUP} "
            f"--batch 32 --train-every {ENVS} --lr 1e-4 --target-every 1000 --epsilon-steps 100k --steps {steps} --threads 1 "
            "--eval-every 0 --save-every 0 --test-episodes 1 --env-arg clip_reward=true --env-arg max_num_frames_per_episode=400 "
            "--quiet"
        )
        command = [program, *line.split(), "--python", sys.executable, "--out", run]
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def make():
    import ale_py
    import gymnasium
    from gymnasium import wrappers

    gymnasium.register_envs(ale_py)
    ale_py.ALEInterface.setLoggerMode(ale_py.LoggerMode.Error)
    env = gymnasium.make("ALE/Pong-v5", frameskip=1)
    env = wrappers.FrameStackObservation(wrappers.AtariPreprocessing(env), 4)
    return wrappers.TransformReward(env, lambda reward: (reward > 0) - (reward < 0))


def sb3():
    """Frames per second of Stable-Baselines3, in this process."""
    from stable_baselines3 import DQN
    from stable_baselines3.common.callbacks import BaseCallback
    from stable_baselines3.common.vec_env import DummyVecEnv

    class Clock(BaseCallback):
        begun = None

        def _on_step(self):
            if self.begun is None and self.num_timesteps > WARMUP:
                self.begun = time.process_time(), self.num_timesteps
            return True

    clock, envs = Clock(), DummyVecEnv([make] * ENVS)
    model = DQN(
        "CnnPolicy", envs, learning_rate=1e-4, buffer_size=REPLAY, learning_starts=WARMUP, batch_size=32, train_freq=1,
        gradient_steps=1, target_update_interval=1000 * ENVS, device="cpu", seed=1,
    )
    model.learn(STEPS, callback=clock)
    envs.close()
    begun, step = clock.begun
    return 4 * (model.num_timesteps - step) / (time.process_time() - begun)


def main():
    if sys.argv[1:2] == ["sb3"]:
        print(sb3())
        return
    program = sys.argv[1] if len(sys.argv) > 1 else "target/release/lab"

    one = os.environ | {"OMP_NUM_THREADS": "1"}

    def peer():
        output = subprocess.run([sys.executable, __file__, "sb3"], check=True, capture_output=True, text=True, env=one)
        return float(output.stdout.split()[-1])

    contestants = {
        "lab and its worker": lambda: lab(program),
        "Stable-Baselines3, `DummyVecEnv`": peer,
    }
    rates = {name: [] for name in contestants}
    for _ in range(ROUNDS):
        for name, turn in contestants.items():
            rates[name].append(turn())
            print(f"{name}: {rates[name][-1]:.0f}", file=sys.stderr)
    print("| DQN on `ALE/Pong-v5` | frames per second of the processor |")
    print("|---|---|")
    for name, measured in rates.items():
        print(f"| {name} | {statistics.mean(measured):,.0f} |")


if __name__ == "__main__":
    main()
