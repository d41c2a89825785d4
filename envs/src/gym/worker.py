"""Environments of Gymnasium in a process of their own, driven by frames on standard input and output.

The head of gym.rs describes the frames. This file needs gymnasium and numpy alone.
"""
import base64
import contextlib
import faulthandler
import importlib
import io
import json
import os
import pickle
import signal
import struct
import sys
import threading
import time
import traceback
import zlib

# Ctrl-C is for the parent, which saves first and then closes the pipe.
signal.signal(signal.SIGINT, signal.SIG_IGN)

# Environments print: their output goes to standard error, and the pipes are ours alone.
replies = os.fdopen(os.dup(1), "wb", buffering=0)
requests = os.fdopen(os.dup(0), "rb", buffering=1 << 16)
nothing = os.open(os.devnull, os.O_RDONLY)
os.dup2(nothing, 0)
os.dup2(2, 1)
sys.stdout = sys.stderr
faulthandler.enable()

INIT, RUN, SAVE, LOAD, DRAW = range(5)
# The most actions that a product of choices may have.
MOST_ACTIONS = 4096
# The bit of a stepped id whose environment is reset if that ends its episode, and that of its end.
THEN_RESET, WAS_RESET = 1 << 31, 4


def die_with_parent(parent):
    """Ends the process when its parent is gone, also in the middle of a long step."""
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)


class Refused(Exception):
    """A sentence for the user; it needs no traceback."""


def last_lines(error):
    """The innermost frames of a traceback, without those of this file, and the error itself."""
    frames = traceback.extract_tb(error.__traceback__)
    theirs = [frame for frame in frames if frame.filename != __file__]
    lines = traceback.format_list(theirs[-2:]) + traceback.format_exception_only(type(error), error)
    return "".join(lines).rstrip()


def one_line(error):
    text = str(error).strip().split("\n")[0]
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def failed(what, error):
    """The sentence about an error that came out of `what`."""
    return error if isinstance(error, Refused) else Refused(f"{what} raised {one_line(error)}\n{last_lines(error)}")


@contextlib.contextmanager
def calling(what):
    """Names what was called in the error that comes out of it."""
    try:
        yield
    except Exception as error:
        raise failed(what, error)


# Observations: `width` numbers each, written into a row of an array.


def is_image(space):
    return space.dtype == np.uint8 and len(space.shape) in (2, 3, 4)


def image(shape):
    """The shape [channels, height, width] of an image, and the order of axes that brings it there, where it is not.

    Two axes are one channel. Of three the first one is that of the channels where it is shorter than the last, as in
    a stack of grey images. Four are a stack of images with their channels last.
    """
    if len(shape) == 2:
        return [1, *shape], None
    if len(shape) == 4:
        return [shape[0] * shape[3], shape[1], shape[2]], (0, 3, 1, 2)
    if shape[0] < shape[2]:
        return list(shape), None
    return [shape[2], shape[0], shape[1]], (2, 0, 1)


def checked(obs, shape, what):
    obs = np.asarray(obs)
    if obs.shape != shape:
        raise Refused(f"{what}: the shape {shape} of its space is expected, it has {obs.shape}")
    return obs


def one_hot(n, start, what):
    def write(obs, row):
        row[:] = 0
        index = int(obs) - start
        if not 0 <= index < n:
            raise Refused(f"{what}: a number from {start} to {start + n - 1} is expected, it is {obs}")
        row[index] = 1

    return write


def flat(space, what="observation"):
    """The number of numbers in an observation of `space`, their kind, and how they are written.

    In the order of gymnasium.spaces.flatten: a Discrete is one-hot, a MultiDiscrete one-hot by each of its numbers,
    the parts of a Dict and of a Tuple follow each other as the space lists them. Bytes (Box of uint8) are parts of
    255: as bytes where all numbers are, for the parent to divide.
    """
    if isinstance(space, spaces.Box):
        shape, size = space.shape, int(np.prod(space.shape))
        kind = "byte" if space.dtype == np.uint8 else "float"

        def write(obs, row):
            if type(obs) is not np.ndarray or obs.shape != shape:
                obs = checked(obs, shape, what)
            row[:] = obs.ravel()

        return size, kind, write
    if isinstance(space, spaces.Discrete):
        n, start = int(space.n), int(space.start)
        return n, "bit", one_hot(n, start, what)
    if isinstance(space, spaces.MultiBinary):
        size = int(np.prod(space.shape))

        def write(obs, row):
            row[:] = checked(obs, space.shape, what).ravel() != 0

        return size, "bit", write
    if isinstance(space, spaces.MultiDiscrete):
        sizes = [int(n) for n in space.nvec.ravel()]
        starts = [int(n) for n in getattr(space, "start", np.zeros_like(space.nvec)).ravel()]
        parts = [one_hot(n, start, what) for n, start in zip(sizes, starts)]

        def write(obs, row):
            begin = 0
            for n, part, number in zip(sizes, parts, checked(obs, space.shape, what).ravel()):
                part(number, row[begin : begin + n])
                begin += n

        return sum(sizes), "bit", write
    if isinstance(space, (spaces.Dict, spaces.Tuple)):
        keyed = isinstance(space, spaces.Dict)
        keys = list(space.spaces) if keyed else list(range(len(space.spaces)))
        parts = [(key, *flat(space[key], f"{what}[{key!r}]")) for key in keys]
        kinds = {kind for _, _, kind, _ in parts}
        whole = kinds.pop() if len(kinds) == 1 else "float"

        def write(obs, row):
            if (not isinstance(obs, dict) if keyed else len(obs) != len(keys)):
                raise Refused(f"{what}: {type(space).__name__} of {keys} is expected, it is {type(obs).__name__}")
            begin = 0
            for key, size, kind, part in parts:
                if keyed and key not in obs:
                    raise Refused(f"{what}: the key {key!r} of its space is missing")
                part(obs[key], row[begin : begin + size])
                if kind == "byte" and whole == "float":
                    row[begin : begin + size] /= 255
                begin += size

        return sum(size for _, size, _, _ in parts), whole, write
    raise Refused(
        f"{what}s of the space {type(space).__name__} can't be given to a network: Box, Discrete, MultiDiscrete, "
        f"MultiBinary, and Dict and Tuple of these can"
    )


class Observations:
    """How an observation becomes a row."""

    def __init__(self, space):
        self.size, self.kind, self.write = flat(space)
        self.shape = [self.size]
        # Most environments show one vector: several of them are joined by one call.
        self.vector = space.shape if isinstance(space, spaces.Box) and len(space.shape) == 1 else None
        if isinstance(space, spaces.Box) and is_image(space):
            shape = space.shape
            self.shape, order = image(shape)

            def write(obs, row):
                obs = checked(obs, shape, "observation")
                row[:] = (obs if order is None else obs.transpose(order)).reshape(-1)

            self.write = write
        self.dtype = np.dtype("<f4") if self.kind == "float" else np.dtype("u1")

    def write_all(self, observed, rows):
        vector = self.vector
        if vector is not None:
            try:
                if [obs.shape for obs in observed].count(vector) == len(observed):
                    np.concatenate(observed, out=rows.reshape(-1), casting="unsafe")
                    return
            except AttributeError:
                pass  # One of them is no array.
        for obs, row in zip(observed, rows):
            self.write(obs, row)

    def row(self, obs):
        row = np.empty(self.size, self.dtype)
        self.write(obs, row)
        return row


class Actions:
    """How the actions of a frame become those of the environment."""

    def __init__(self, env):
        space = env.action_space
        self.low = self.high = self.names = None
        self.table = None
        if isinstance(space, spaces.Discrete):
            self.table = [int(space.start) + i for i in range(int(space.n))]
            self.names = [str(action) for action in self.table]
            meanings = getattr(env.unwrapped, "get_action_meanings", None)
            if meanings is not None:
                told = [str(name) for name in meanings()]
                self.names = told if len(told) == len(self.names) else self.names
        elif isinstance(space, (spaces.MultiDiscrete, spaces.MultiBinary)):
            binary = isinstance(space, spaces.MultiBinary)
            sizes = [2] * int(np.prod(space.shape)) if binary else [int(n) for n in space.nvec.ravel()]
            count = 1
            for size in sizes:
                count *= size
            if count > MOST_ACTIONS:
                raise Refused(
                    f"the actions are a {type(space).__name__} of {count} combinations: "
                    f"{MOST_ACTIONS} at most can be numbered"
                )
            start = 0 if binary else getattr(space, "start", 0)
            choices = [np.unravel_index(i, sizes) for i in range(count)]
            choices = [np.array(choice).reshape(space.shape) + start for choice in choices]
            self.table = [choice.astype(space.dtype) for choice in choices]
            self.names = ["-".join(str(int(x)) for x in choice.ravel()) for choice in choices]
        elif isinstance(space, spaces.Box):
            self.low = np.asarray(space.low, np.float32).ravel()
            self.high = np.asarray(space.high, np.float32).ravel()
            with np.errstate(all="ignore"):
                bounded = np.isfinite(self.high - self.low).all()
            if not bounded:
                raise Refused("the actions are a Box without bounds: finite ones are needed")
            if not len(self.low) or not (self.low < self.high).all():
                raise Refused(f"the actions are {space}: bounds that leave a choice are needed")
        else:
            raise Refused(
                f"actions of the space {type(space).__name__} can't be chosen: Discrete, Box, and MultiDiscrete and "
                f"MultiBinary of at most {MOST_ACTIONS} combinations can"
            )
        self.space = space

    def read(self, data, at, n):
        if self.table is not None:
            table = self.table
            numbers = struct.unpack_from(f"<{n}I", data, at)
            if type(table[0]) is int:
                return [table[i] for i in numbers]
            # An environment may keep or change the array that it is given.
            return [table[i].copy() for i in numbers]
        rows = np.frombuffer(data, "<f4", n * len(self.low), at).reshape(n, len(self.low))
        rows = np.clip(rows, self.low, self.high)
        if not np.issubdtype(self.space.dtype, np.floating):
            rows = np.rint(rows)
        rows = rows.astype(self.space.dtype)
        return [row.reshape(self.space.shape) for row in rows]


class Member:
    """One environment: where its last observation is, rows and place, and where that of a reset by `seed` was."""

    def __init__(self, env):
        self.env, self.at, self.start, self.seed = env, None, None, None

    @property
    def row(self):
        rows, place = self.at
        return rows[place]

    def is_fresh(self):
        """Whether it stands at the start of an episode that its seed repeats."""
        return self.seed is not None and self.at is self.start


class Parts:
    """What stays behind when an Atari game is saved by its wrappers and attributes: the innermost environment and its
    emulator, for which a name stands."""

    def __init__(self, env):
        self.inner = env.unwrapped
        self.named = {"env": self.inner, "ale": self.inner.ale}

    def name(self, thing):
        return next((name for name, part in self.named.items() if part is thing), None)


def clones(env):
    """Whether the environment is an Atari game of ale-py, whose emulator clones its state."""
    return all(hasattr(env.unwrapped, name) for name in ("ale", "clone_state", "restore_state"))


def repeats_actions(env):
    """Whether a game's emulator repeats actions: its state lacks the action that it would repeat."""
    return env.unwrapped.ale.getFloat("repeat_action_probability") > 0


def cloned(env):
    """An Atari game with its generators, attributes and wrappers, as bytes."""
    parts, to = Parts(env), io.BytesIO()
    pickler = pickle.Pickler(to)
    pickler.persistent_id = parts.name
    pickler.dump((env, vars(parts.inner), parts.inner.clone_state(include_rng=True)))
    return zlib.compress(to.getvalue(), 1)


def restored(env, saved):
    """The environment that `cloned` saved, around the innermost part of `env`, which was made by the same arguments."""
    parts = Parts(env)
    unpickler = pickle.Unpickler(io.BytesIO(zlib.decompress(saved)))
    unpickler.persistent_load = parts.named.__getitem__
    env, attributes, state = unpickler.load()
    vars(parts.inner).update(attributes)
    parts.inner.restore_state(state)
    return env


class Worker:
    def __init__(self, settings):
        self.settings = settings
        self.id = settings["id"]
        self.members = {}
        self.why_not = None
        with calling("gymnasium.make"):
            self.spare = self.make()
        self.obs = Observations(self.spare.observation_space)
        self.actions = Actions(self.spare)

    def layout(self):
        spec = self.spare.spec
        limit = getattr(spec, "max_episode_steps", None)
        # Under a wrapper that repeats actions the limit counts other steps than ours.
        limit = None if self.settings["atari"] else limit
        actions = self.actions
        return {
            "obs_shape": self.obs.shape,
            "element": self.obs.kind,
            "names": actions.names,
            "low": None if actions.low is None else actions.low.tolist(),
            "high": None if actions.high is None else actions.high.tolist(),
            "time_limit": limit,
        }

    def make(self, render_mode=None):
        """A new environment with its wrappers."""
        arguments = dict(self.settings["arguments"])
        atari = self.settings["atari"]
        if self.id.startswith("ALE/"):
            try:
                import ale_py
            except ImportError as error:
                raise Refused(
                    f"Atari games need ale-py ({error}): `{sys.executable} -m pip install ale-py` installs it"
                )
            gymnasium.register_envs(ale_py)
            ale_py.ALEInterface.setLoggerMode(ale_py.LoggerMode.Error)
        sticky = 0.0
        if atari:
            arguments.setdefault("frameskip", 1)
            sticky = arguments.get("repeat_action_probability", self.spec_argument("repeat_action_probability"))
            if sticky:
                arguments["repeat_action_probability"] = 0.0
        if render_mode is not None:
            arguments["render_mode"] = render_mode
        module, _, name = self.id.rpartition(":")
        try:
            if module:
                importlib.import_module(module)
            env = gymnasium.make(name, **arguments)
        except (gymnasium.error.UnregisteredEnv, gymnasium.error.DependencyNotInstalled) as error:
            raise Refused(" ".join(str(error).split()))
        except ModuleNotFoundError as error:
            # One that the module imports itself is another matter.
            if error.name is None or not (module + ".").startswith(error.name + "."):
                raise
            raise Refused(f"there is no module {error.name} where {sys.executable} looks for it")
        if sticky:
            # By a wrapper, since the emulator's state lacks the action that it repeats.
            env = gymnasium.wrappers.StickyAction(env, sticky)
        if atari:
            env = gymnasium.wrappers.AtariPreprocessing(env, **atari)
        if self.settings["stack_size"]:
            env = gymnasium.wrappers.FrameStackObservation(env, self.settings["stack_size"])
        if self.settings["clip_reward"]:
            env = gymnasium.wrappers.TransformReward(env, np.sign)
        return env

    def spec_argument(self, name):
        """The value that the id of the environment has for an argument."""
        spec = gymnasium.registry.get(self.id)
        return None if spec is None else spec.kwargs.get(name)

    def member(self, id):
        if id not in self.members:
            env, self.spare = self.spare, None
            if env is None:
                with calling("gymnasium.make"):
                    env = self.make()
            self.members[id] = Member(env)
        return self.members[id]

    def close(self, id):
        member = self.members.pop(id, None)
        if member is not None:
            with calling("close"):
                member.env.close()

    def reset(self, member, seed):
        try:
            if seed is not None:
                member.env.action_space.seed(seed)
            obs = member.env.reset(seed=seed)[0]
        except Exception as error:
            raise failed("reset", error)
        member.seed = seed
        return obs

    def run(self, data):
        closes, resets, steps = struct.unpack_from("<3I", data)
        ids = struct.unpack_from(f"<{closes + 2 * resets + steps}I", data, 12)
        for id in ids[:closes]:
            self.close(id)
        reset_ids = ids[closes : closes + resets]
        seeds = ids[closes + resets : closes + 2 * resets]
        step_ids = ids[closes + 2 * resets :]
        rows = np.empty((resets + steps, self.obs.size), self.obs.dtype)
        ends, again = bytearray(steps), []
        members = self.members
        if resets:
            for i, (id, seed) in enumerate(zip(reset_ids, seeds)):
                member = members[id] if id in members else self.member(id)
                self.obs.write(self.reset(member, None if seed == 0xFFFFFFFF else seed), rows[i])
                member.at = member.start = (rows, i)
            if not steps:
                return rows.tobytes()
        actions = self.actions.read(data, 12 + 4 * len(ids), steps)
        observed, rewards = [], []
        try:
            for i, (id, action) in enumerate(zip(step_ids, actions)):
                member = members[id & ~THEN_RESET]
                obs, reward, terminated, truncated, _ = member.env.step(action)
                observed.append(obs)
                rewards.append(reward)
                member.at = (rows, resets + i)
                if terminated or truncated:
                    ends[i] = (1 if terminated else 0) | (2 if truncated else 0)
                    # Of one that is drawn, the last frame may be asked for.
                    if id & THEN_RESET and member.env.render_mode is None:
                        ends[i] |= WAS_RESET
                        again.append(member)
            if steps:
                self.obs.write_all(observed, rows[resets:])
            rewards = np.array(rewards, "<f4").reshape(steps)
        except Exception as error:
            raise failed("step", error)
        more = np.empty((len(again), self.obs.size), self.obs.dtype)
        for i, member in enumerate(again):
            self.obs.write(self.reset(member, None), more[i])
            member.at = member.start = (more, i)
        return b"".join((rewards.tobytes(), ends, rows.tobytes(), more.tobytes()))

    def save(self, id):
        """The environment as text, after a letter; or why it has none."""
        member = self.member(id)
        by_state = clones(member.env)
        if self.why_not is None and by_state and repeats_actions(member.env):
            self.why_not = "its emulator repeats actions, and does not tell which"
        if self.why_not is None and not by_state:
            layer, names = member.env, []
            while layer is not None:
                # Such an environment pickles the arguments that it was made with, and not its state.
                if isinstance(layer, gymnasium.utils.EzPickle) and not isinstance(layer, gymnasium.Wrapper):
                    names.append(type(layer).__name__)
                layer = getattr(layer, "env", None)
            if names:
                self.why_not = f"{names[0]} pickles without its state"
        if self.why_not is None:
            try:
                env = cloned(member.env) if by_state else member.env
                return b"+" + base64.b64encode(pickle.dumps((env, bytes(member.row))))
            except Exception as error:
                self.why_not = f"it does not pickle: {one_line(error)}"
        return b"-" + self.why_not.encode()

    def load(self, id, text):
        env, row = pickle.loads(base64.b64decode(text))
        row = np.frombuffer(row, self.obs.dtype)
        if len(row) != self.obs.size:
            raise Refused("the saved observation has another size")
        self.close(id)
        if isinstance(env, bytes):
            with calling("gymnasium.make"):
                made = self.make()
            env = restored(made, env)
        member = Member(env)
        member.at = (row.reshape(1, -1), 0)
        self.members[id] = member
        return row.tobytes()

    def draw(self, id):
        """Height, width and pixels, `[height, width, 3]`.

        Environments are made without a render mode, which may cost each step time. One that is to be drawn is made
        again with it and starts the same episode, as far as nothing has happened in it.
        """
        member = self.member(id)
        if member.env.render_mode is None:
            modes = member.env.metadata.get("render_modes") or []
            if "rgb_array" not in modes:
                raise Refused("it has no render mode rgb_array")
            if not member.is_fresh():
                raise Refused("it is drawn from the start of an episode on")
            env = self.make("rgb_array")
            obs = env.reset(seed=member.seed)[0]
            if not np.array_equal(self.obs.row(obs), member.row):
                env.close()
                raise Refused("its episodes do not repeat by their seed")
            env.action_space.seed(member.seed)
            member.env.close()
            member.env = env
        with calling("render"):
            image = np.asarray(member.env.render())
        if image.ndim != 3 or image.shape[2] != 3:
            raise Refused(f"render gave the shape {image.shape}: height, width and 3 colours are expected")
        image = np.ascontiguousarray(image, dtype=np.uint8)
        return struct.pack("<2I", *image.shape[:2]) + image.tobytes()


def answer(worker, op, data):
    if op == RUN:
        return worker.run(data)
    id = struct.unpack_from("<I", data)[0]
    if op == SAVE:
        return worker.save(id)
    if op == LOAD:
        return worker.load(id, bytes(data[4:]))
    return worker.draw(id)


def begin(data):
    """Imports gymnasium, by which a missing one becomes a sentence."""
    global gymnasium, np, spaces
    settings = json.loads(bytes(data))
    if os.name == "posix":
        threading.Thread(target=die_with_parent, args=(settings["parent"],), daemon=True).start()
    try:
        import numpy as np
        import gymnasium
        from gymnasium import spaces
    except ImportError as error:
        raise Refused(
            f"{sys.executable} can't import gymnasium ({error}): `{sys.executable} -m pip install gymnasium` installs "
            f"it there, --python PATH names another Python"
        )
    if not hasattr(gymnasium, "register_envs"):
        raise Refused(
            f"gymnasium {gymnasium.__version__} is too old, 1.0 or newer is expected: "
            f"`{sys.executable} -m pip install --upgrade gymnasium` installs it"
        )
    return Worker(settings)


def read(n):
    data = requests.read(n)
    if len(data) < n:
        return None
    return data


def write_all(data):
    view = memoryview(data)
    while view:
        view = view[replies.write(view) :]


def main():
    worker = None
    while True:
        head = read(5)
        if head is None:
            break
        length, op = struct.unpack("<IB", head)
        data = read(length)
        if data is None:
            break
        try:
            if op == INIT:
                worker = begin(data)
                reply = json.dumps(worker.layout()).encode()
            else:
                reply = answer(worker, op, data)
            status = 0
        except Refused as refused:
            reply, status = str(refused).encode(), 1
        except Exception as error:
            reply, status = f"{one_line(error)}\n{last_lines(error)}".encode(), 1
        try:
            write_all(struct.pack("<IB", len(reply), status) + reply)
        except BrokenPipeError:
            break
    if worker is not None:
        for id in list(worker.members):
            try:
                worker.close(id)
            except Refused:
                pass


main()
