"""Copies of an environment stepped by uniformly random actions: `step.py PEER ENV N`, driven line by line.

Actions are drawn before; each peer makes observations, rewards and ends, and begins a new episode where one ends.
"""

import sys

import driver
import numpy as np

CHUNK = 256
MINATAR = {name: name.replace("-", "_") for name in ("breakout", "asterix", "freeway", "seaquest", "space-invaders")}
GYMNASIUM = {
    "cartpole": "CartPole-v1",
    "acrobot": "Acrobot-v1",
    "mountain-car": "MountainCar-v0",
    "mountain-car-continuous": "MountainCarContinuous-v0",
    "pendulum": "Pendulum-v1",
    "lunar-lander": "LunarLander-v3",
    "bipedal-walker": "BipedalWalker-v3",
    "frozen-lake": "FrozenLake-v1",
    "taxi": "Taxi-v4",
    "cliff-walking": "CliffWalking-v1",
}
GYMNAX = {
    "breakout": "Breakout-MinAtar",
    "asterix": "Asterix-MinAtar",
    "freeway": "Freeway-MinAtar",
    "space-invaders": "SpaceInvaders-MinAtar",
    "cartpole": "CartPole-v1",
    "acrobot": "Acrobot-v1",
    "mountain-car": "MountainCar-v0",
    "mountain-car-continuous": "MountainCarContinuous-v0",
    "pendulum": "Pendulum-v1",
}


def minatar(name, n):
    """The package's own class, `n` copies one after the other."""
    from minatar import Environment

    copies = [Environment(MINATAR[name]) for _ in range(n)]
    for env in copies:
        env.reset()
    actions = np.random.default_rng(1).integers(0, 6, (CHUNK, n)).tolist()

    def steps():
        for row in actions:
            for env, action in zip(copies, row):
                _, over = env.act(action)
                env.state()
                if over:
                    env.reset()

    return steps


def gymnasium(name, n):
    """One environment as `gymnasium.make` gives it."""
    import gymnasium

    assert n == 1
    env = gymnasium.make(GYMNASIUM[name], disable_env_checker=True)
    env.action_space.seed(1)
    env.reset(seed=1)
    actions = [env.action_space.sample() for _ in range(CHUNK)]

    def steps():
        for action in actions:
            _, _, terminated, truncated, _ = env.step(action)
            if terminated or truncated:
                env.reset()

    return steps


def gymnasium_vector(name, n):
    """Gymnasium's vectorised form where it has one of its own, else its loop over copies."""
    import gymnasium

    entry = gymnasium.spec(GYMNASIUM[name]).vector_entry_point
    mode = "vector_entry_point" if entry else "sync"
    options = {} if entry else {"vector_kwargs": {"copy": False}}
    envs = gymnasium.make_vec(GYMNASIUM[name], num_envs=n, vectorization_mode=mode, **options)
    envs.action_space.seed(1)
    envs.reset(seed=1)
    actions = [envs.action_space.sample() for _ in range(CHUNK)]

    def steps():
        for row in actions:
            envs.step(row)

    return steps


def gymnax(name, n):
    """Compiled by JAX: a loop over steps of all copies at once."""
    import gymnax
    import jax

    env, params = gymnax.make(GYMNAX[name])
    space = env.action_space(params)
    keys = jax.random.split(jax.random.key(1), n)
    obs, state = jax.vmap(env.reset, in_axes=(0, None))(keys, params)
    actions = jax.vmap(jax.vmap(space.sample))(jax.random.split(jax.random.key(2), (CHUNK, n)))

    @jax.jit
    def loop(key, state):
        def step(carry, action):
            key, state, _ = carry
            key, part = jax.random.split(key)
            result = jax.vmap(env.step, in_axes=(0, 0, 0, None))(jax.random.split(part, n), state, action, params)
            return (key, result[1], result[0]), result[2]

        return jax.lax.scan(step, (key, state, obs), actions)

    kept = jax.random.key(3), state

    def steps():
        nonlocal kept
        (key, state, _), rewards = loop(*kept)
        rewards.block_until_ready()
        kept = key, state

    return steps


def main():
    peer, name, n = sys.argv[1], sys.argv[2], int(sys.argv[3])
    make = {"minatar": minatar, "gymnasium": gymnasium, "gymnasium-vector": gymnasium_vector, "gymnax": gymnax}[peer]
    base = driver.peak_memory()
    steps = make(name, n)
    steps()
    driver.answer(steps, lambda _: None, 1, CHUNK * n, base)


if __name__ == "__main__":
    main()
