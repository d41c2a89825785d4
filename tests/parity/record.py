"""Records traces of the original environments for `envs/tests/parity.rs`.

    python record.py FOLDER POINTMASS

POINTMASS is the file of that environment in the homework of Berkeley's CS285.
The originals are only driven from outside: given actions, asked what they show. Each trace is a list
of episodes, and each episode has one row a step; the functions below say what is in a row, and what
is in the tables of the toy text environments.
"""

import copy
import importlib.util
import json
import logging
import math
import random
import sys
import types
from pathlib import Path

import gymnasium
import numpy as np

# MinAtar warns that it cannot open a window, which nobody wants.
logging.disable(logging.WARNING)
from gymnasium.envs.box2d import bipedal_walker as walker  # noqa: E402
from gymnasium.envs.box2d import lunar_lander as lander  # noqa: E402
from gymnasium.envs.toy_text import blackjack  # noqa: E402
from minatar import Environment  # noqa: E402

NOT, TERMINATED, TRUNCATED = range(3)


def write(path, episodes):
    """One line a step, so that a changed trace makes a readable difference."""
    steps = sum(len(episode["steps"]) for episode in episodes)
    lines = [json.dumps(episode, separators=(",", ":")) for episode in episodes]
    text = "[" + ",\n".join(lines) + "]\n"
    path.write_text(text.replace("],[", "],\n["))
    print(f"{path.name}: {len(episodes)} episodes, {steps} steps, {len(text) // 1000} kB")


def cartpole_episode(env, start, choose):
    """Rows are `[action, reward, end, observation]`; `start` is the state, in double precision."""
    env.reset(seed=0)
    env.unwrapped.state = np.array(start, dtype=np.float64)
    obs, rows, end = np.array(start), [], NOT
    while end == NOT:
        action = choose(obs)
        obs, reward, terminated, truncated, _ = env.step(action)
        end = TERMINATED if terminated else TRUNCATED if truncated else NOT
        numbers = [json.loads(str(number)) for number in obs]
        assert np.array_equal(np.array(numbers, dtype=np.float32), obs)
        rows.append([action, reward, end, numbers])
    return {"start": list(start), "steps": rows}


def cartpole():
    """Random play from usual starts, starts at the bounds, and balancing up to the time limit."""
    env = gymnasium.make("CartPole-v1")
    draw = random.Random(1)

    def near(*bounds):
        return [draw.uniform(-bound, bound) for bound in bounds]

    def at_random(_):
        return draw.randrange(2)

    def balance(obs):
        return int(obs[2] + 0.5 * obs[3] + 0.05 * obs[0] + 0.1 * obs[1] > 0)

    episodes = [cartpole_episode(env, near(0.05, 0.05, 0.05, 0.05), at_random) for _ in range(60)]
    episodes += [cartpole_episode(env, near(2.4, 3.0, 0.2, 3.0), at_random) for _ in range(60)]
    for side in (-1, 1):
        edge = [side * 2.3, side * 1.0, 0.0, 0.0]
        episodes.append(cartpole_episode(env, edge, balance))
        episodes.append(cartpole_episode(env, near(0.05, 0.05, 0.05, 0.05), balance))
    ends = [episode["steps"][-1][2] for episode in episodes]
    assert TERMINATED in ends and TRUNCATED in ends
    left = [episode for episode in episodes if abs(episode["steps"][-1][3][0]) > 2.4]
    assert {episode["steps"][-1][3][0] > 0 for episode in left} == {False, True}
    return episodes


def is_the_c_librarys(function, of_the_library):
    """Some builds of NumPy have kernels of their own, whose last bit differs."""
    draw = random.Random(1)
    xs = [draw.uniform(-7, 7) for _ in range(10_000)]
    return all(float(function(np.float64(x))) == of_the_library(x) for x in xs)


def numbers(values):
    """Numbers in single precision, in as few digits as tell them from their neighbours."""
    texts = [json.loads(str(number)) for number in values]
    assert np.array_equal(np.array(texts, dtype=np.float32), values)
    return texts


def physics_episode(env, start, choose, precision=np.float64):
    """Rows are `[action, reward, end, observation]`; `start` and `last` are states, in double
    precision. The action is the number or the only number of the vector that was given."""
    obs, _ = env.reset(seed=0)
    env.unwrapped.state = np.array(start, dtype=precision)
    rows, end = [], NOT
    while end == NOT:
        action = choose(obs)
        obs, reward, terminated, truncated, _ = env.step(action)
        end = TERMINATED if terminated else TRUNCATED if truncated else NOT
        told = action if isinstance(action, int) else numbers(action)[0]
        rows.append([told, float(reward), end, numbers(obs)])
    last = [float(number) for number in env.unwrapped.state]
    return {"start": list(start), "last": last, "steps": rows}


def acrobot():
    """Random play, and pumping energy in up to the goal, from usual starts and from fast ones."""
    env = gymnasium.make("Acrobot-v1")
    draw = random.Random(1)

    def near(*bounds):
        return [draw.uniform(-bound, bound) for bound in bounds]

    def at_random(_):
        return draw.randrange(3)

    def pump(obs):
        return 2 if obs[5] > 0 else 0

    episodes = [physics_episode(env, near(0.1, 0.1, 0.1, 0.1), at_random) for _ in range(2)]
    episodes += [physics_episode(env, near(0.1, 0.1, 0.1, 0.1), pump) for _ in range(6)]
    episodes += [physics_episode(env, near(1.5, 3.1, 9.0, 25.0), at_random) for _ in range(20)]
    ends = [episode["steps"][-1][2] for episode in episodes]
    assert TERMINATED in ends and TRUNCATED in ends
    fastest = max(abs(row[3][5]) for episode in episodes for row in episode["steps"])
    assert fastest == np.float32(9 * np.pi), "no velocity was clipped"
    return episodes


def pendulum():
    """Random torques, also beyond what the motor has, and swinging up, from starts with and without
    turns behind them."""
    env = gymnasium.make("Pendulum-v1", disable_env_checker=True)
    draw = random.Random(1)

    def torque(value):
        return np.array([value], dtype=np.float32)

    def at_random(_):
        return torque(draw.uniform(-3, 3))

    def swing(obs):
        near_the_top = obs[0] > 0.9
        return torque(-8 * obs[1] - 2 * obs[2] if near_the_top else 2 * np.sign(obs[2]))

    def start(turns):
        return [draw.uniform(-np.pi, np.pi) + 2 * np.pi * turns, draw.uniform(-1, 1)]

    episodes = [physics_episode(env, start(turns), at_random) for turns in (0, 0, 0, 5, -3)]
    episodes += [physics_episode(env, start(0), swing) for _ in range(5)]
    rows = [row for episode in episodes for row in episode["steps"]]
    assert max(abs(row[3][2]) for row in rows) == 8, "no velocity was clipped"
    assert max(row[1] for row in rows) > -0.001, "the rod was never held up"
    return episodes


def mountain_car():
    """Random play, and swinging up to the flag, from usual starts and from fast ones."""
    env = gymnasium.make("MountainCar-v0")
    draw = random.Random(1)

    def at_random(_):
        return draw.randrange(3)

    def swing(obs):
        return 2 if obs[1] >= 0 else 0

    def usual():
        return [draw.uniform(-0.6, -0.4), 0.0]

    def fast():
        return [draw.uniform(-1.2, 0.5), draw.uniform(-0.07, 0.07)]

    episodes = [physics_episode(env, usual(), at_random) for _ in range(2)]
    episodes += [physics_episode(env, usual(), swing) for _ in range(5)]
    episodes += [physics_episode(env, fast(), at_random) for _ in range(8)]
    ends = [episode["steps"][-1][2] for episode in episodes]
    assert TERMINATED in ends and TRUNCATED in ends
    rows = [row for episode in episodes for row in episode["steps"]]
    assert min(row[3][0] for row in rows) == np.float32(-1.2), "nobody ran into the wall"
    return episodes


def mountain_car_continuous():
    """Random forces within the box, and swinging up to the flag. All in single precision, as Gymnasium
    computes but for the first step."""
    env = gymnasium.make("MountainCarContinuous-v0", disable_env_checker=True)
    draw = random.Random(1)

    def force(value):
        return np.array([value], dtype=np.float32)

    def at_random(_):
        return force(draw.uniform(-1, 1))

    def swing(obs):
        return force(np.sign(obs[1]) * draw.uniform(0.3, 1))

    def usual():
        return [float(np.float32(draw.uniform(-0.6, -0.4))), 0.0]

    def fast():
        return [float(np.float32(draw.uniform(*bounds))) for bounds in ((-1.2, 0.4), (-0.07, 0.07))]

    def episode(start, choose):
        return physics_episode(env, start, choose, np.float32)

    episodes = [episode(usual(), at_random)]
    episodes += [episode(usual(), swing) for _ in range(6)]
    episodes += [episode(fast(), at_random) for _ in range(3)]
    ends = [episode["steps"][-1][2] for episode in episodes]
    assert TERMINATED in ends and TRUNCATED in ends
    rows = [row for episode in episodes for row in episode["steps"]]
    assert min(row[3][0] for row in rows) == np.float32(-1.2), "nobody ran into the wall"
    return episodes


class Draws:
    """Stands in for the generator of an environment: draws of few digits, which are kept."""

    def __init__(self, seed):
        self.random_, self.kept = random.Random(seed), []

    def keep(self, draw):
        self.kept.append(draw)
        return draw

    def uniform(self, low=0.0, high=1.0, size=None):
        count = 1 if size is None else int(np.prod(size))
        draws = [self.keep(round(self.random_.uniform(low, high), 4)) for _ in range(count)]
        return draws[0] if size is None else np.array(draws).reshape(size)

    def integers(self, low, high):
        return self.keep(self.random_.randrange(low, high))

    def random(self):
        return self.uniform()

    def taken(self):
        """What was drawn since the last time."""
        kept, self.kept = self.kept, []
        return kept


def box2d_episode(env_id, seed, choose, row, every=1, **options):
    """An episode in a world of its own: the environment, what was drawn at its start, its first observation, and its rows.

    `row` makes a row of an action, of the draws of its step, and of `[reward, end, observation]`; of all observations
    but the last, only each `every`th is there.
    """
    env = gymnasium.make(env_id, disable_env_checker=True, **options)
    draws = env.unwrapped._np_random = Draws(seed)
    obs, _ = env.reset()
    start, first, rows, end = draws.taken(), numbers(obs), [], NOT
    while end == NOT:
        action = choose(obs)
        obs, reward, terminated, truncated, _ = env.step(action)
        end = TERMINATED if terminated else TRUNCATED if truncated else NOT
        shown = end != NOT or (len(rows) + 1) % every == 0
        told = [*numbers([np.float32(reward)]), end, numbers(obs) if shown else None]
        rows.append(row(action, draws.taken(), told))
    return env.unwrapped, start, first, rows


def lunar_lander():
    """Landing by Gymnasium's heuristic, random play and falling: numbered actions, throttles also beyond the box, wind.

    Rows are `[action, dispersion, reward, end, observation]`; `first` is the observation after the start."""
    draw = random.Random(1)

    def at_random(_):
        return draw.randrange(4)

    def throttles(_):
        return np.array([draw.uniform(-1.3, 1.3), draw.uniform(-1.3, 1.3)], dtype=np.float32)

    def none(_):
        return 0

    def heuristic(continuous):
        env = types.SimpleNamespace(unwrapped=types.SimpleNamespace(continuous=continuous))

        def choose(obs):
            action = lander.heuristic(env, obs)
            return np.asarray(action, dtype=np.float32) if continuous else int(action)

        return choose

    def row(action, dispersion, told):
        return [action if isinstance(action, int) else numbers(action), dispersion, *told]

    def episode(seed, choose, **options):
        _, start, first, rows = box2d_episode("LunarLander-v3", seed, choose, row, **options)
        return {
            "options": options,
            "heights": start[:12],
            "push": start[12:14],
            "wind": start[14:16] if options.get("enable_wind") else [0, 0],
            "first": first,
            "steps": rows,
        }

    windy = {"enable_wind": True}
    episodes = [episode(seed, heuristic(False)) for seed in range(4)]
    episodes += [episode(seed, at_random) for seed in range(10, 15)]
    episodes += [episode(20, none), episode(21, none, gravity=-4.0)]
    episodes += [episode(seed, heuristic(True), continuous=True) for seed in range(30, 32)]
    episodes += [episode(seed, throttles, continuous=True) for seed in range(40, 43)]
    episodes += [episode(seed, heuristic(False), **windy) for seed in range(50, 52)]
    episodes += [episode(60, at_random, wind_power=20.0, turbulence_power=2.0, **windy)]
    rewards = [episode["steps"][-1][2] for episode in episodes]
    assert {-100, 100} <= set(rewards)
    assert any(abs(episode["steps"][-1][4][0]) >= 1 for episode in episodes), "nobody left the view"
    both = [row for episode in episodes for row in episode["steps"] if row[4][6] != row[4][7]]
    assert both, "no leg touched the ground alone"
    return episodes


def bipedal_walker():
    """Walking by Gymnasium's heuristic, with and without noise, random play and rest, on even and on hard ground.

    Rows are `[action, reward, end, observation or null]`; `draws` are those of the ground. Gymnasium keeps its world, and with
    it the order of contacts, from one episode to the next: each of these is the first."""
    draw = random.Random(1)

    def at_random(_):
        return np.array([round(draw.uniform(-1.3, 1.3), 2) for _ in range(4)], dtype=np.float32)

    def none(_):
        return np.zeros(4, dtype=np.float32)

    def heuristic(noise):
        legs = walker.BipedalWalkerHeuristics()

        def choose(obs):
            action = np.clip(legs.step_heuristic(obs), -1, 1)
            noisy = [round(float(number) + draw.gauss(0, noise), 2) for number in action]
            return np.array(noisy, dtype=np.float32)

        return choose

    def row(action, _, told):
        return [numbers(action), *told]

    def episode(seed, choose, **options):
        env, start, first, rows = box2d_episode(
            "BipedalWalker-v3", seed, choose, row, every=10, **options
        )
        pieces = [body.fixtures[0].shape for body in reversed(env.terrain)]
        blocks = [[list(corner) for corner in piece.vertices] for piece in pieces if len(piece.vertices) > 2]
        # Each of ten clouds takes eleven draws, and the push the last.
        terrain = {"heights": env.terrain_y, "blocks": blocks}
        return {
            "options": options,
            "draws": start[:-111],
            "terrain": terrain,
            "push": start[-1],
            "first": first,
            "steps": rows,
        }

    episodes = []
    for options in ({}, {"hardcore": True}):
        episodes += [episode(seed, heuristic(0.0), **options) for seed in range(2)]
        episodes += [episode(seed, heuristic(0.15), **options) for seed in range(10, 13)]
        episodes += [episode(seed, at_random, **options) for seed in range(20, 22)]
        episodes += [episode(30, none, **options)]
    assert {len(corners) for episode in episodes for corners in episode["terrain"]["blocks"]} == {4}
    rewards = {episode["steps"][-1][1] == -100 for episode in episodes}
    assert rewards == {False, True}, "all fell, or none"
    return episodes


def place(channel):
    """Row and column of the only 1 in a `[10, 10]` channel."""
    (place,) = np.argwhere(channel)
    return [int(i) for i in place]


def breakout_view(state):
    """`[paddle column, ball row, column, trail row, column, bricks]` of a `[10, 10, 4]` state.

    Bit `10 (row - 1) + column` of `bricks` stands for a brick; nothing else may be on the screen.
    """
    row, paddle = place(state[:, :, 0])
    assert row == 9
    bricks = [10 * (row - 1) + column for row, column in np.argwhere(state[:, :, 3]).tolist()]
    assert all(0 <= bit < 30 for bit in bricks)
    return [
        paddle,
        *place(state[:, :, 1]),
        *place(state[:, :, 2]),
        sum(1 << bit for bit in bricks),
    ]


def breakout_episode(env, actions, choose, limit):
    """Rows are `[action, reward, terminated, view]`, `start` is the first view.

    The sticky probability is 0, so the action recorded is the one taken.
    """
    numbers = {"minimal": env.minimal_action_set(), "full": list(range(env.num_actions()))}[actions]
    env.reset()
    start = view = breakout_view(env.state())
    rows, terminated = [], False
    while not terminated and len(rows) < limit:
        action = choose(view, len(numbers))
        reward, terminated = env.act(numbers[action])
        view = breakout_view(env.state())
        rows.append([action, int(reward), int(terminated), view])
    return {"actions": actions, "start": start, "steps": rows}


def passes_a_brick(row):
    """Whether the ball has flown into the square of a brick without breaking one."""
    _, reward, _, (_, ball_row, ball_column, _, _, bricks) = row
    return reward == 0 and 1 <= ball_row <= 3 and bricks >> 10 * (ball_row - 1) + ball_column & 1


def breakout():
    """Random play, and following the ball with now and then a wish for the other kind of bounce.

    In three episodes, picked from many, the ball passes a brick.
    """
    env = Environment("breakout", sticky_action_prob=0.0)
    env.seed(1)
    draw = random.Random(1)

    def at_random(_, n):
        return draw.randrange(n)

    def follow(view, n):
        paddle, _, ball, _, trail, _ = view
        left, right = (1, 2) if n == 3 else (1, 3)
        if draw.random() < 0.02:
            return draw.randrange(n)
        ahead = min(max(2 * ball - trail, 0), 9)
        wanted = ahead if draw.random() < 0.4 else ball
        return left if wanted < paddle else right if wanted > paddle else 0

    episodes = []
    for actions in ("minimal", "full"):
        episodes += [breakout_episode(env, actions, at_random, 1000) for _ in range(60)]
        steps = 0
        while steps < 2200:
            episodes.append(breakout_episode(env, actions, follow, 1000))
            steps += len(episodes[-1]["steps"])
    rare = 0
    while rare < 3:
        episode = breakout_episode(env, "minimal", follow, 300)
        if any(map(passes_a_brick, episode["steps"])):
            episodes.append(episode)
            rare += 1
    assert {episode["start"][2] for episode in episodes} == {0, 9}
    best = max(sum(row[1] for row in episode["steps"]) for episode in episodes)
    print(f"breakout: the best episode breaks {best} bricks")
    assert best > 30, "no wall was refilled"
    return episodes


# Each draw is recorded as its cell of 840: the bounds that the games compare it with, and the bounds
# between 1 to 8 equal chances, are bounds of cells.
CELLS = 840


class RecordedDraws:
    """The part of NumPy's generator that the games use, with a list of what it drew."""

    def __init__(self, seed):
        self.random = np.random.RandomState(seed)
        self.draws = []

    def rand(self, *shape):
        values = self.random.rand(*shape)
        self.draws += [int(value * CELLS) for value in np.atleast_1d(values)]
        return values

    def randint(self, low, high=None, size=None):
        low, high = (0, low) if high is None else (low, high)
        values = self.random.randint(low, high, size)
        self.draws += [int(value - low) * CELLS // (high - low) for value in np.atleast_1d(values)]
        return values

    def take(self):
        draws, self.draws = self.draws, []
        return draws


def ones(env):
    """Places of ones in the observation with channels first."""
    return set(np.flatnonzero(np.moveaxis(env.state(), 2, 0)).tolist())


def at_random(env, numbers, draw):
    return draw.choice(numbers)


def careful(prefer):
    """Plays the action that begins the best of some random futures: `prefer` values where they end."""

    def choose(env, numbers, draw):
        best = []
        for _ in range(14):
            twin, first, worth = copy.deepcopy(env.env), draw.choice(numbers), 0
            action = first
            for _ in range(7):
                reward, terminated = twin.act(action)
                worth += reward - 10 * terminated
                action = draw.choice(numbers)
            best.append((worth + prefer(twin) + 0.01 * draw.random(), first))
        return max(best)[1]

    return choose


def minatar_episode(env, options, choose, draw, limit):
    """Rows are `[action, reward, terminated, draws, changes]`: the draws of the step and the places of the
    observation that change in it. `draws` and `start` are the draws and the ones of the start."""
    minimal = options.get("actions") == "minimal"
    numbers = env.minimal_action_set() if minimal else list(range(env.num_actions()))
    env.env.ramping = options.get("ramping", True)
    env.env.random.take()
    env.reset()
    draws, before = env.env.random.take(), ones(env)
    start, rows, terminated = sorted(before), [], False
    while not terminated and len(rows) < limit:
        action = choose(env, numbers, draw)
        env.env.random.take()
        reward, terminated = env.act(action)
        after = ones(env)
        changes = sorted(before ^ after)
        taken = env.env.random.take()
        rows.append([numbers.index(action), int(reward), int(terminated), taken, changes])
        before = after
    return {"options": {"sticky": 0.0, **options}, "draws": draws, "start": start, "steps": rows}


def minatar(game, plan, seed):
    """Episodes of `game`: `plan` lists options, a way to play, a number of episodes and their longest."""
    env = Environment(game, sticky_action_prob=0.0)
    env.env.random = RecordedDraws(seed)
    draw = random.Random(seed)
    episodes = [
        minatar_episode(env, options, choose, draw, limit)
        for options, choose, count, limit in plan
        for _ in range(count)
    ]
    best = max(sum(row[1] for row in episode["steps"]) for episode in episodes)
    print(f"{game}: the best episode returns {best}")
    return episodes


FULL, MINIMAL = {"actions": "full"}, {"actions": "minimal"}
LEVEL = {"ramping": False}


def asterix():
    """Careful play up to the steepest part of the ramp, and random play."""
    play = careful(lambda env: -0.02 * abs(env.player_x - 5))
    plan = [
        ({**MINIMAL, "ramping": True}, play, 4, 1500),
        ({**MINIMAL, **LEVEL}, play, 1, 600),
        ({**FULL, "ramping": True}, at_random, 15, 300),
    ]
    episodes = minatar("asterix", plan, 1)
    assert max(len(episode["steps"]) for episode in episodes) > 900, "the ramp was not climbed"
    return episodes


def freeway():
    """Hurrying upwards with a step aside now and then, and random play, once to the end."""

    def hurry(env, numbers, draw):
        return numbers[1] if len(numbers) == 3 and draw.random() < 0.9 else draw.choice(numbers)

    plan = [(MINIMAL, hurry, 1, 3000), (FULL, at_random, 4, 300), (MINIMAL, hurry, 4, 600)]
    episodes = minatar("freeway", plan, 2)
    assert len(episodes[0]["steps"]) == 2501
    return episodes


def space_invaders():
    """Careful play through several waves, and random play."""
    play = careful(lambda env: 0)
    plan = [
        ({**MINIMAL, "ramping": True}, play, 3, 1500),
        ({**MINIMAL, **LEVEL}, play, 1, 500),
        ({**FULL, "ramping": True}, at_random, 20, 300),
    ]
    episodes = minatar("space_invaders", plan, 3)
    assert max(sum(row[1] for row in episode["steps"]) for episode in episodes) > 48, "one wave only"
    return episodes


def seaquest():
    """Careful play that gathers divers and surfaces with some of them or with six, and random play."""

    def prefer(full):
        def value(env):
            wants_air = env.oxygen < 70 or env.diver_count >= full
            near = min((abs(x - env.sub_x) + abs(y - env.sub_y) for x, y, *_ in env.divers), default=5)
            worth = 0.6 * max(env.diver_count, -1) - 0.05 * near
            return worth - 0.5 * env.sub_y - (env.sub_y > 0) if wants_air else worth

        return value

    plan = [
        ({"ramping": True}, careful(prefer(6)), 4, 1200),
        ({"ramping": True}, careful(prefer(1)), 4, 1200),
        (LEVEL, careful(prefer(2)), 2, 400),
        ({"ramping": True}, at_random, 25, 300),
    ]
    episodes = minatar("seaquest", plan, 4)
    rewards = [row[1] for episode in episodes for row in episode["steps"]]
    print(f"seaquest: rewards {sorted(set(rewards))}")
    assert max(rewards) > 3, "nobody surfaced with six divers"
    return episodes


def course_module(path):
    """A module of the course, without the libraries that only its drawings need."""
    for name in ("gym", "gym.spaces", "matplotlib", "matplotlib.pyplot"):
        sys.modules.setdefault(name, types.ModuleType(name))
    sys.modules["gym"] = gymnasium
    pyplot = sys.modules["matplotlib.pyplot"]
    sys.modules["matplotlib"].pyplot = pyplot
    sys.modules["matplotlib"].use = lambda _: None
    for name in ("figure", "clf"):
        setattr(pyplot, name, lambda *_: None)
    spec = importlib.util.spec_from_file_location("pointmass", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    # Distances in the maze, for its optimal actions only.
    module.Pointmass._compute_apsp = lambda *_: None
    return module


def pointmass(path):
    """Steps along the corridors with the course's noise. Rows are `[displacement, reward, terminated,
    observation]`; `start` is the position, in double precision."""
    module = course_module(path)
    np.random.seed(5)
    noisy, displacements = np.random.normal, []

    def recorded(mean, deviation):
        displacements.append(noisy(mean, deviation))
        return displacements[-1]

    module.np.random.normal = recorded
    episodes = []
    for difficulty, name in enumerate(("easy", "medium", "hard")):
        for episode in range(8):
            env = module.Pointmass(difficulty=difficulty)
            env.reset()
            if episode % 2:
                # Near the goal, which chance alone would never find.
                env.state = env.fixed_goal - np.array([0.0, 2.5 if difficulty != 1 else 0.0])
                env.state[0] -= 1.0 if difficulty == 1 else 0.0
            start, rows, done = env.state.tolist(), [], False
            while not done:
                obs, reward, done, _ = env.step(np.random.randint(5))
                terminated = int(done and reward == 0)
                rows.append([displacements[-1].tolist(), reward, terminated, obs.tolist()])
            episodes.append({"difficulty": name, "start": start, "steps": rows})
    module.np.random.normal = noisy
    assert any(episode["steps"][-1][2] for episode in episodes)
    return episodes


def write_tables(path, tables):
    """One line a state."""
    text = json.dumps(tables, separators=(",", ":")) + "\n"
    path.write_text(text.replace("]]],", "]]],\n"))
    print(f"{path.name}: {len(tables)} tables, {len(text) // 1000} kB")


def toy_table(name, **options):
    """`table[state][action]` lists the outcomes, `[probability, next, reward, terminated]`; `starts`
    are probabilities."""
    env = gymnasium.make(name, **options)
    table = [
        [
            [[float(p), int(s), float(r), int(end)] for p, s, r, end in outcomes]
            for _, outcomes in sorted(actions.items())
        ]
        for _, actions in sorted(env.unwrapped.P.items())
    ]
    starts = [float(p) for p in env.unwrapped.initial_state_distrib]
    return {"limit": env.spec.max_episode_steps, "starts": starts, "table": table}


class FickleDraws:
    """Stands for the generator of a taxi that has no rain: gives the choice that it is told."""

    def __init__(self):
        self.choices, self.choice_index = None, None

    def random(self):
        return 0.5

    def choice(self, choices):
        self.choices = choices
        return choices[self.choice_index or 0]


def fickle_table():
    """As `toy_table`, of what steps do with a fickle passenger: the first 500 states are those in which they
    may still change their mind. Gymnasium draws at the start whether they will, which nothing shows until
    it happens."""
    env = gymnasium.make("Taxi-v4", fickle_passenger=True).unwrapped
    env.reset(seed=0)
    draws = FickleDraws()
    env._np_random = draws

    def step(state, action, will_change, choice):
        env.s, env.fickle_step, draws.choices, draws.choice_index = state, will_change, None, choice
        next_state, reward, end, _, _ = env.step(action)
        return next_state, float(reward), int(end), env.fickle_step, draws.choices

    def outcomes(state, action):
        next_state, reward, end, pending, choices = step(state, action, True, 0)
        if choices is None:
            assert pending
            return [[1.0, int(next_state), reward, end]]
        will = env.fickle_probability
        dry = step(state, action, False, None)
        listed = [[1.0 - will, 500 + int(dry[0]), dry[1], dry[2]]]
        for choice in range(len(choices)):
            changed = step(state, action, True, choice)
            listed.append([will / len(choices), 500 + int(changed[0]), changed[1], changed[2]])
        return listed

    def decided(state, action):
        next_state, reward, end, _, _ = step(state, action, False, None)
        return [[1.0, 500 + int(next_state), reward, end]]

    table = [[outcomes(state, action) for action in range(6)] for state in range(500)]
    table += [[decided(state, action) for action in range(6)] for state in range(500)]
    starts = [float(p) for p in env.initial_state_distrib] + [0.0] * 500
    return {"limit": 200, "starts": starts, "table": table}


def toy_text():
    """Gymnasium's tables."""
    own = ["SFFH", "HFSG"]
    return {
        "frozen-lake": toy_table("FrozenLake-v1"),
        "frozen-lake-8x8": toy_table("FrozenLake8x8-v1"),
        "frozen-lake-dry": toy_table("FrozenLake-v1", is_slippery=False),
        "frozen-lake-own": toy_table("FrozenLake-v1", desc=own, success_rate=0.7),
        "taxi": toy_table("Taxi-v4"),
        "taxi-rainy": toy_table("Taxi-v4", is_rainy=True),
        "taxi-fickle": fickle_table(),
        "cliff-walking": toy_table("CliffWalking-v1"),
        "cliff-walking-slippery": toy_table("CliffWalkingSlippery-v1"),
    }


def blackjack_dealer():
    """Row `c` holds the probabilities of the dealer's final sums 17 to 21 and of going over, with
    card `c + 1` seen, by Gymnasium's deck and its rules for hands."""

    def play(hand, prob, ends):
        if blackjack.sum_hand(hand) >= 17:
            ends[min(blackjack.sum_hand(hand), 22) - 17] += prob
            return
        for card in sorted(set(blackjack.deck)):
            play([*hand, card], prob * blackjack.deck.count(card) / len(blackjack.deck), ends)

    rows = []
    for card in range(1, 11):
        ends = [0.0] * 6
        play([card], 1.0, ends)
        rows.append(ends)
    return rows


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    assert is_the_c_librarys(np.sin, math.sin) and is_the_c_librarys(np.cos, math.cos)
    write(folder / "acrobot.json", acrobot())
    write(folder / "pendulum.json", pendulum())
    write(folder / "mountain-car.json", mountain_car())
    write(folder / "mountain-car-continuous.json", mountain_car_continuous())
    write(folder / "lunar-lander.json", lunar_lander())
    write(folder / "bipedal-walker.json", bipedal_walker())
    write(folder / "pointmass.json", pointmass(Path(sys.argv[2])))
    write(folder / "cartpole.json", cartpole())
    write(folder / "breakout.json", breakout())
    write(folder / "asterix.json", asterix())
    write(folder / "freeway.json", freeway())
    write(folder / "seaquest.json", seaquest())
    write(folder / "space-invaders.json", space_invaders())
    write_tables(folder / "toy_text.json", toy_text())
    (folder / "blackjack.json").write_text(json.dumps(blackjack_dealer(), indent=1) + "\n")
