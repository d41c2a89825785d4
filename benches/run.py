#!/usr/bin/env python3
"""Measures lab beside its peers and writes docs/benchmarks.md. Needs cargo, python3, g++, network.

    python3 benches/run.py                       everything
    python3 benches/run.py update [ROW…]         training steps, these rows only
    python3 benches/run.py dqn [ENV…]            DQN with its environment, these only
    python3 benches/run.py on-policy [ROW…]      PPO and A2C with their environments, these only
    python3 benches/run.py vae [NETWORK…]        VAEs with their data, these only
    python3 benches/run.py sample                drawing from a PixelCNN
    python3 benches/run.py solve                 sweeps of value iteration
    python3 benches/run.py machine               what the machine can do at most
    python3 benches/run.py write                 the document from what was measured before

The contestants of a row live at the same time, each with the same cores; one works while the others
wait, in turns of a few seconds, and the median over the turns counts. A turn that another process
disturbed is taken again. The peers are installed under target/peers, measurements are kept there.
Everything takes about an hour on two cores that nobody else uses. Where somebody does, PyTorch
suffers most (its threads wait by spinning), and the rows that it happened to are marked.
"""

import argparse
import json
import os
import random
import re
import shutil
import signal
import statistics
import struct
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PEERS = ROOT / "benches" / "peers"
VENV = ROOT / "target" / "peers"
RESULTS = VENV / "results"
PYTHON = VENV / "bin" / "python"

LAB = "lab"
EAGER = "torch"
UPDATE = [LAB, EAGER, "torch-foreach", "torch-fused", "torch-compile", "jax"]
DQN = [LAB, "sb3", "cleanrl"]
# Algorithm, environment and contestants; CleanRL has no A2C.
ON_POLICY = {
    "ppo-cartpole": ("ppo", "cartpole", [LAB, "sb3", "cleanrl"]),
    "ppo-breakout": ("ppo", "breakout", [LAB, "sb3", "cleanrl"]),
    "a2c-cartpole": ("a2c", "cartpole", [LAB, "sb3"]),
    "a2c-breakout": ("a2c", "breakout", [LAB, "sb3"]),
}
ON_POLICY_GOAL = 5
VAE = [LAB, "torch-index", "torch-loader"]
VAE_GOAL = 1.5
SWEEPS = [LAB, "scipy", "bettermdptools", "bettermdptools-vectorized"]
SOLUTIONS = [LAB, "pymdptoolbox"]
PARTS = ["machine", "update", "dqn", "on-policy", "vae", "sample", "solve"]
TITLES = {
    LAB: "lab",
    EAGER: "PyTorch eager",
    "torch-foreach": "foreach Adam",
    "torch-fused": "fused Adam",
    "torch-compile": "torch.compile",
    "jax": "JAX jit",
    "sb3": "Stable-Baselines3",
    "cleanrl": "CleanRL",
    "torch-index": "PyTorch, rows of a tensor",
    "torch-loader": "PyTorch, DataLoader",
    "scipy": "SciPy",
    "pymdptoolbox": "pymdptoolbox",
    "bettermdptools": "bettermdptools",
    "bettermdptools-vectorized": "bettermdptools, vectorized",
}
# Goals: environment, peer, times as fast.
GOALS = {("cartpole", "sb3"): 5, ("cartpole", "cleanrl"): 4, ("breakout", "cleanrl"): 4}
# Networks that are drawn from, passes that drawing takes number by number, and times as fast.
SAMPLED, PASSES, SAMPLE_GOAL = ["gated", "residual"], 784, 50
# Sides of the grids that are swept and solved, and goals: peer, times as fast.
SWEPT, SOLVED = 316, 40
SOLVE_GOALS = {"scipy": 3, "pymdptoolbox": 20, "bettermdptools": 20}
# As in benches/peers/dqn.py.
DQN_OPTIONS = {"cartpole": ["--batch=128"], "breakout": ["--preset=dqn-breakout-2015", "--batch=32"]}
LAB_DQN = """
    --replay=100000 --warmup=1000 --train-every=4 --target-every=125 --lr=2.5e-4 --lr-steps=0
    --epsilon-start=0.05 --epsilon-end=0.05 --hidden=128 --n-envs=1 --optimizer=adam --device=cpu
    --steps=1000000000 --log-every=1000 --eval-every=0 --save-every=0 --quiet""".split()

# What benches/peers/policy_gradient.py has, whatever lab's presets say.
LAB_ON_POLICY = {
    "ppo": """
        ppo --rollout=128 --batch=256 --epochs=4 --entropy-coef=0.01 --lr=2.5e-4 --lambda=0.95
        --clip=0.2 --value-loss=clipped --advantages=normalised --target-kl=0
        --optimizer=adam""".split(),
    "a2c": """
        actor-critic --critic=advantage --rollout=5 --entropy-coef=0 --lr=7e-4 --lambda=1
        --estimator=gae --weights=raw --optimizer=rmsprop""".split(),
    "cartpole": "--sharing=separate --hidden=64".split(),
    "breakout": "--sharing=shared --hidden=128".split(),
    "both": """
        --n-envs=8 --gamma=0.99 --value-coef=0.5 --max-grad-norm=0.5 --optimizer-eps=1e-5
        --lr-end=1 --lr-steps=0 --init=orthogonal --device=cpu --steps=1000000000
        --log-every=1000 --eval-every=0 --save-every=0 --quiet""".split(),
}

# As in benches/peers/vae.py.
LAB_VAE = {
    "mlp": "--network=mlp --layers=1 --hidden=400 --latents=20".split(),
    "conv": "--network=conv --latents=32".split(),
    "both": """
        --objective=elbo --k=1 --likelihood=bernoulli --binarisation=dynamic --batch=128 --lr=1e-3
        --lr-end=1 --lr-steps=0 --device=cpu --steps=1000000000 --log-every=12800 --eval-every=0
        --save-every=0 --quiet""".split(),
}

# The part of a turn that other processes may take of the cores.
DISTURBED = 0.05


def say(*words):
    print(*words, file=sys.stderr, flush=True)


def install():
    """A virtual environment with the peers, made again when what is asked for has changed."""
    lists = PEERS / "requirements.txt", PEERS / "requirements-no-deps.txt"
    wanted, stamp = "".join(path.read_text() for path in lists), VENV / "installed"
    if stamp.exists() and stamp.read_text() == wanted:
        return
    say("installing the peers under", VENV.relative_to(ROOT))
    subprocess.run([sys.executable, "-m", "venv", VENV], check=True)
    pip = [PYTHON, "-m", "pip", "install", "--quiet"]
    subprocess.run([*pip, "-r", lists[0]], check=True)
    subprocess.run([*pip, "--no-deps", "--ignore-requires-python", "-r", lists[1]], check=True)
    stamp.write_text(wanted)


def output(*command):
    return subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout


# What each part measures, beside the peers.
TARGETS = {
    "machine": ["--bench=machine"],
    "update": ["--bench=update"],
    "dqn": ["--bin=lab"],
    "on-policy": ["--bin=lab"],
    "vae": ["--bin=lab"],
    "sample": ["--bench=sample"],
    "solve": ["--bench=solve"],
}


def build(parts):
    """Paths of what is measured."""
    targets = sorted({target for part in parts for target in TARGETS[part]})
    lines = output("cargo", "build", "--release", "--message-format=json", *targets).splitlines()
    messages = [json.loads(line) for line in lines]
    built = [message for message in messages if message.get("executable")]
    return {message["target"]["name"]: message["executable"] for message in built}


def environment(threads):
    """Everybody computes with as many threads; what Inductor compiles is kept with the peers."""
    names = ["RAYON_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"]
    kept = {"TORCHINDUCTOR_CACHE_DIR": str(VENV / "inductor"), "PYTHONWARNINGS": "ignore"}
    return os.environ | {name: str(threads) for name in names} | kept


def cores(threads):
    return sorted(os.sched_getaffinity(0))[:threads]


class Contestant:
    """A process of its own, bound to the cores that all share."""

    def __init__(self, command, threads, cwd=ROOT, **options):
        self.cores = cores(threads)
        self.process = subprocess.Popen(
            [str(word) for word in command],
            cwd=cwd,
            env=environment(threads),
            preexec_fn=lambda: os.sched_setaffinity(0, self.cores),
            text=True,
            **options,
        )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()

    def watched_turn(self, seconds):
        """The rate over a turn, and the part of the cores' time that others took during it."""
        before, start = self._ticks(), time.perf_counter()
        rate = self.turn(seconds)
        after, taken = self._ticks(), time.perf_counter() - start
        ticks = (after[0] - before[0]) - (after[1] - before[1])
        return rate, max(0.0, ticks / (taken * os.sysconf("SC_CLK_TCK") * len(self.cores)))

    def _ticks(self):
        """Ticks that the cores were busy, and those of this process."""
        busy = 0
        for line in Path("/proc/stat").read_text().splitlines():
            name, *ticks = line.split()
            if name in {f"cpu{core}" for core in self.cores}:
                user, nice, system, _idle, _wait, irq, soft_irq, steal = map(int, ticks[:8])
                busy += user + nice + system + irq + soft_irq + steal
        own = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return busy, int(own[11]) + int(own[12])


class Stepper(Contestant):
    """Does steps whenever a line says for how long: benches/update and benches/peers/update.py."""

    def __init__(self, command, threads):
        super().__init__(command, threads, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.base, self.peak = self._answer("ready")[0], 0

    def _answer(self, word=""):
        line = self.process.stdout.readline()
        if not line.startswith(word) or not line.strip():
            raise RuntimeError(f"{self.process.args} answered {line!r}")
        return [float(number) for number in line.removeprefix(word).split()]

    def turn(self, seconds):
        """Steps per second."""
        print(seconds, file=self.process.stdin, flush=True)
        steps, taken, self.peak = self._answer()
        return steps / taken


class Learner(Contestant):
    """Learns until it is stopped and counts in a file; stopped between turns."""

    def __init__(self, command, threads, rows, cwd):
        with open(cwd / "output", "w") as output:
            super().__init__(command, threads, cwd, stdout=output, stderr=output)
        self.rows = rows
        self._wait_for(lambda step: step >= 5_000)
        self.process.send_signal(signal.SIGSTOP)

    def _last(self):
        """The step of the last complete row."""
        try:
            lines = self.rows.read_text().splitlines(keepends=True)[-2:]
        except FileNotFoundError:
            return 0
        return max((json.loads(line)["step"] for line in lines if line.endswith("\n")), default=0)

    def _wait_for(self, found):
        while not found(step := self._last()):
            if self.process.poll() is not None:
                raise RuntimeError(f"{self.process.args} ended, see its output")
            time.sleep(0.002)
        return step, time.perf_counter()

    def turn(self, seconds):
        """Transitions per second, from one new row to another."""
        self.process.send_signal(signal.SIGCONT)
        time.sleep(0.2)
        old = self._last()
        first, start = self._wait_for(lambda step: step > old)
        time.sleep(seconds)
        old = self._last()
        last, end = self._wait_for(lambda step: step > old)
        self.process.send_signal(signal.SIGSTOP)
        return (last - first) / (end - start)


def take_turns(contestants, rounds, seconds):
    """Median and spread of the rate of each, and the part of the time that others took.

    A round in which others disturbed a turn is repeated; where most are disturbed, all count.
    """
    clean, all_rounds = [], []
    while len(clean) < rounds and len(all_rounds) < 2 * rounds:
        turns = {name: who.watched_turn(seconds) for name, who in contestants.items()}
        all_rounds.append(turns)
        if max(others for _, others in turns.values()) <= DISTURBED:
            clean.append(turns)
    used = clean if 2 * len(clean) >= rounds else all_rounds
    result = {}
    for name in contestants:
        rates = sorted(turns[name][0] for turns in used)
        quarter = len(rates) // 4
        median = statistics.median(rates)
        spread = (rates[-1 - quarter] - rates[quarter]) / median
        others = statistics.median(turns[name][1] for turns in used)
        result[name] = {
            "rate": median,
            "spread": spread,
            "others": others,
            "turns": len(rates),
            "seconds": seconds,
            "threads": len(contestants[name].cores),
        }
    return result


def keep(name, key, result):
    """Adds a result to those kept in a file, and tells the rates."""
    path = RESULTS / f"{name}.json"
    RESULTS.mkdir(parents=True, exist_ok=True)
    results = json.loads(path.read_text()) if path.exists() else {}
    results[key] = result
    path.write_text(json.dumps(results, indent=1))
    path = RESULTS / "commits.json"
    commits = json.loads(path.read_text()) if path.exists() else {}
    commits.setdefault(name, {})[key] = commit()
    path.write_text(json.dumps(commits, indent=1))
    told = name in ("update", "dqn", "on-policy", "vae") or key in ("sweep", "solve", *SAMPLED)
    if told:
        say(f"{key}:", ", ".join(f"{who} {of['rate']:.4g}" for who, of in result.items()))


def kept(name):
    path = RESULTS / f"{name}.json"
    return json.loads(path.read_text()) if path.exists() else {}


def commit():
    """What was measured."""
    changed = output("git", "status", "--porcelain", "--untracked-files=no", "--", "*.rs", "*.toml")
    short = output("git", "rev-parse", "--short", "HEAD").strip()
    return f"{short} with changes" if changed else short


def commits():
    """Which part was measured at which commit, or which of its rows."""
    parts = {}
    for part, rows in kept("commits").items():
        if part in ("described", "sizes"):
            continue
        for row, at in rows.items():
            told = part if len(set(rows.values())) == 1 else row
            if told not in parts.setdefault(at, []):
                parts[at].append(told)
    return ", ".join(f"{at} ({', '.join(of)})" for at, of in parts.items())


def rows_of(bench):
    """Name and description of each row of benches/update."""
    return dict(line.split(": ", 1) for line in output(bench).splitlines())


def update(programs, options):
    described = rows_of(programs["update"])
    keep("described", "rows", described)
    for row in options.only or described:
        with ExitStack() as stack:
            contestants = {}
            for name in UPDATE:
                peer = [PYTHON, PEERS / "update.py", name, row]
                command = [programs["update"], "serve", row] if name == LAB else peer
                contestants[name] = stack.enter_context(Stepper(command, options.threads))
            result = take_turns(contestants, options.rounds, options.seconds)
            for name, contestant in contestants.items():
                result[name] |= {"base": contestant.base, "peak": contestant.peak}
        keep("update", row, result)


def dqn(programs, options):
    for env in options.only or DQN_OPTIONS:
        with ExitStack() as stack:
            contestants = {}
            for name in DQN:
                place = VENV / "dqn" / f"{env}-{name}"
                shutil.rmtree(place, ignore_errors=True)
                place.mkdir(parents=True)
                rows = place / "rows.jsonl"
                command = [PYTHON, PEERS / "dqn.py", name, env, rows]
                if name == LAB:
                    rows = place / "run" / "metrics.jsonl"
                    command = [
                        programs["lab"],
                        "dqn",
                        f"--env={env}",
                        f"--threads={options.threads}",
                    ]
                    command += [*LAB_DQN, *DQN_OPTIONS[env], f"--out={place / 'run'}"]
                learner = Learner(command, options.threads, rows, place)
                contestants[name] = stack.enter_context(learner)
            keep("dqn", env, take_turns(contestants, options.dqn_rounds, options.dqn_seconds))


def on_policy(programs, options):
    for row in options.only or ON_POLICY:
        algorithm, env, names = ON_POLICY[row]
        with ExitStack() as stack:
            contestants = {}
            for name in names:
                place = VENV / "on-policy" / f"{row}-{name}"
                shutil.rmtree(place, ignore_errors=True)
                place.mkdir(parents=True)
                rows = place / "rows.jsonl"
                command = [PYTHON, PEERS / "policy_gradient.py", algorithm, name, env, rows]
                if name == LAB:
                    rows = place / "run" / "metrics.jsonl"
                    own = [LAB_ON_POLICY[key] for key in (algorithm, env, "both")]
                    command = [programs["lab"], *(word for words in own for word in words)]
                    command += [f"--env={env}", f"--threads={options.threads}"]
                    command += [f"--out={place / 'run'}"]
                learner = Learner(command, options.threads, rows, place)
                contestants[name] = stack.enter_context(learner)
            result = take_turns(contestants, options.dqn_rounds, options.dqn_seconds)
            keep("on-policy", row, result)


def vae(programs, options):
    data = VENV / "vae" / "data"
    write_images(data)
    for network in options.only or ["mlp", "conv"]:
        with ExitStack() as stack:
            contestants = {}
            for name in VAE:
                place = VENV / "vae" / f"{network}-{name}"
                shutil.rmtree(place, ignore_errors=True)
                place.mkdir(parents=True)
                rows = place / "rows.jsonl"
                command = [PYTHON, PEERS / "vae.py", name, network, data, rows]
                if name == LAB:
                    rows = place / "run" / "metrics.jsonl"
                    command = [programs["lab"], "vae", f"--data=mnist:{data}"]
                    command += [*LAB_VAE[network], *LAB_VAE["both"]]
                    command += [f"--threads={options.threads}", f"--out={place / 'run'}"]
                learner = Learner(command, options.threads, rows, place)
                contestants[name] = stack.enter_context(learner)
            result = take_turns(contestants, options.dqn_rounds, options.dqn_seconds)
            keep("vae", network, result)


def write_images(data):
    """MNIST's files with noise in them: 28×28, four of five pixels black as with pen on paper."""
    data.mkdir(parents=True, exist_ok=True)
    noise, grey = random.Random(1), bytes(max(0, 5 * i - 1020) for i in range(256))
    for part, n in [("train", 60_000), ("t10k", 10_000)]:
        pixels = noise.randbytes(n * 28 * 28).translate(grey)
        labels = bytes(i % 10 for i in range(n))
        header = struct.pack(">IIII", 0x803, n, 28, 28)
        (data / f"{part}-images-idx3-ubyte").write_bytes(header + pixels)
        (data / f"{part}-labels-idx1-ubyte").write_bytes(struct.pack(">II", 0x801, n) + labels)


def sample(programs, options):
    for network in SAMPLED:
        commands = {
            LAB: [programs["sample"], "serve", network],
            EAGER: [PYTHON, PEERS / "sample.py", network],
        }
        with ExitStack() as stack:
            contestants = {
                name: stack.enter_context(Stepper(command, options.threads))
                for name, command in commands.items()
            }
            keep("sample", network, take_turns(contestants, options.rounds, options.seconds))
    with Contestant([programs["sample"]], options.threads, stdout=subprocess.PIPE) as contestant:
        keep("sample", "scale", contestant.process.communicate()[0])


def solve(programs, options):
    for what, side, names in [("sweep", SWEPT, SWEEPS), ("solve", SOLVED, SOLUTIONS)]:
        arrays = VENV / f"grid-{side}"
        subprocess.run([programs["solve"], "export", str(side), arrays], check=True)
        with ExitStack() as stack:
            contestants = {}
            for name in names:
                peer = [PYTHON, PEERS / "solve.py", name, arrays]
                command = [programs["solve"], what, str(side)] if name == LAB else peer
                contestants[name] = stack.enter_context(Stepper(command, options.threads))
            keep("solve", what, take_turns(contestants, options.dqn_rounds, options.seconds))
    with Contestant([programs["solve"]], options.threads, stdout=subprocess.PIPE) as contestant:
        keep("solve", "scale", contestant.process.communicate()[0])


def machine(programs, options):
    def bench(threads):
        command = [programs["machine"], "--bench"]
        with Contestant(command, threads, stdout=subprocess.PIPE) as contestant:
            return json.loads(contestant.process.communicate()[0])

    keep("machine", "measured", [bench(threads) for threads in (1, options.threads)])
    keep("machine", "described", describe())


def describe():
    """The machine and the versions of what runs on it."""
    cpu = json.loads(output("lscpu", "--json"))["lscpu"]
    cpu = {entry["field"].rstrip(":"): entry["data"] for entry in cpu}
    wanted = (
        "sse4_2 avx avx2 fma avx512f avx512bw avx512vl avx512_vnni avx512_bf16 amx_tile".split()
    )
    flags = cpu["Flags"].split()
    memory = int(re.search(r"MemTotal:\s+(\d+)", Path("/proc/meminfo").read_text())[1]) / 2**20
    lock = (ROOT / "Cargo.lock").read_text()
    crates = {
        name: re.search(rf'name = "{name}"\nversion = "(.+)"', lock)[1]
        for name in ["candle-core", "rayon"]
    }
    names = "torch jax jaxlib optax numpy scipy stable-baselines3 cleanrl gymnasium MinAtar"
    names = f"{names} pymdptoolbox bettermdptools".split()
    script = f"import importlib.metadata as m; print(*(m.version(n) for n in {names}))"
    versions = dict(zip(names, output(PYTHON, "-c", script).split(), strict=True))
    return {
        "cpu": f"{cpu['Model name']} (family {cpu.get('CPU family')}, model {cpu.get('Model')})",
        "cores": f"{cpu['CPU(s)']}, {cpu.get('Thread(s) per core')} thread(s) per core",
        "vectors": ", ".join(flag for flag in wanted if flag in flags),
        "cache": f"L2 {cpu.get('L2 cache')}, L3 {cpu.get('L3 cache')}",
        "memory": f"{memory:.0f} GiB",
        "system": f"{os.uname().sysname} {os.uname().release.split('-')[0]}",
        "rust": output("rustc", "--version").strip(),
        "crates": ", ".join(f"{name} {version}" for name, version in crates.items()),
        "python": sys.version.split()[0],
        "peers": ", ".join(f"{name} {version}" for name, version in versions.items()),
        "date": time.strftime("%Y-%m-%d"),
    }


def number(value):
    """Three digits that matter."""
    if value >= 1e5:
        return f"{value / 1e3:.0f}k"
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def table(titles, rows):
    lines = [titles, ["---"] + ["---:"] * (len(titles) - 1), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def marked(result, text):
    """`text`, with a mark where others disturbed the contestants."""
    return f"{text} †" if max(of["others"] for of in result.values()) > DISTURBED else text


def mebibytes(kibibytes):
    return f"{kibibytes / 1024:.0f}"


def update_tables():
    """The table of steps per second and that of memory."""
    described, results = kept("described").get("rows", {}), kept("update")
    rates, memory, ratios = [], [], []
    for row, what in described.items():
        if row not in results:
            rates.append([f"`{row}` {what}"] + ["not measured"] + [""] * (len(UPDATE) + 2))
            continue
        result = results[row]
        own, peers = result[LAB], [result[name] for name in UPDATE if name != LAB]
        ratio = own["rate"] / max(peer["rate"] for peer in peers)
        ratios.append(ratio)
        eager = own["rate"] / result[EAGER]["rate"]
        spread = max(of["spread"] for of in result.values())
        cells = [number(result[name]["rate"]) for name in UPDATE]
        rates.append(
            [
                f"`{row}` {what}",
                *cells,
                f"{eager:.2f}",
                marked(result, f"**{ratio:.2f}**"),
                f"{100 * spread:.0f} %",
            ]
        )
        sizes = [(of["peak"], of["peak"] - of["base"]) for of in (own, result[EAGER])]
        cells = [mebibytes(size) for pair in sizes for size in pair]
        memory.append([f"`{row}`", *cells, f"{sizes[0][0] / sizes[1][0]:.2f}"])
    if not ratios:
        return "Not measured.\n", "Not measured.\n", None
    titles = ["row", *(TITLES[name] for name in UPDATE), "lab ÷ eager", "lab ÷ best peer", "spread"]
    columns = ["row", "lab", "of which steps", "PyTorch eager", "of which steps", "lab ÷ eager"]
    return table(titles, rates), table(columns, memory), statistics.geometric_mean(ratios)


def dqn_table():
    lines = []
    for env, result in kept("dqn").items():
        own = result[LAB]["rate"]
        cells = [number(result[name]["rate"]) for name in DQN]
        for name in DQN[1:]:
            goal = f" (goal {GOALS[env, name]})" if (env, name) in GOALS else ""
            cells.append(marked(result, f"**{own / result[name]['rate']:.2f}**{goal}"))
        spread = max(of["spread"] for of in result.values())
        lines.append([env, *cells, f"{100 * spread:.0f} %"])
    titles = [TITLES[name] for name in DQN]
    ratios = [f"lab ÷ {title}" for title in titles[1:]]
    return table(["environment", *titles, *ratios, "spread"], lines) if lines else "Not measured.\n"


def on_policy_table():
    lines = []
    for row, result in kept("on-policy").items():
        names, own = ON_POLICY[row][2], result[LAB]["rate"]
        cells = [number(result[name]["rate"]) if name in names else "" for name in DQN]
        for name in DQN[1:]:
            if name not in names:
                cells.append("")
                continue
            ratio = own / result[name]["rate"]
            cells.append(marked(result, f"**{ratio:.2f}** (goal {ON_POLICY_GOAL})"))
        spread = max(of["spread"] for of in result.values())
        lines.append([row.replace("-", ", "), *cells, f"{100 * spread:.0f} %"])
    titles = [TITLES[name] for name in DQN]
    ratios = [f"lab ÷ {title}" for title in titles[1:]]
    return table(["", *titles, *ratios, "spread"], lines) if lines else "Not measured.\n"


def vae_table():
    lines = []
    for network, result in kept("vae").items():
        own = result[LAB]["rate"]
        best = max(result[name]["rate"] for name in VAE if name != LAB)
        cells = [number(result[name]["rate"]) for name in VAE]
        cells.append(marked(result, f"**{own / best:.2f}** (goal {VAE_GOAL})"))
        spread = max(of["spread"] for of in result.values())
        lines.append([network, *cells, f"{100 * spread:.0f} %"])
    titles = ["network", *(TITLES[name] for name in VAE), "lab ÷ best of PyTorch", "spread"]
    return table(titles, lines) if lines else "Not measured.\n"


def solve_tables():
    """The tables of sweeps and of solutions, and what the bench says of larger grids."""
    results = kept("solve")
    if "scale" not in results:
        return ["Not measured.\n"] * 3

    def compared(what, names):
        result = results[what]
        own, lines = result[LAB]["rate"], []
        for name in names[1:]:
            goal = f" (goal {SOLVE_GOALS[name]})" if name in SOLVE_GOALS else ""
            ratio = marked(result, f"**{own / result[name]['rate']:.1f}**{goal}")
            lines.append([TITLES[name], number(result[name]["rate"]), ratio])
        rows = [[TITLES[LAB], number(own), ""], *lines]
        return table(["", f"{what}s per second", "lab is faster by"], rows)

    return compared("sweep", SWEEPS), compared("solve", SOLUTIONS), results["scale"]


def sample_table():
    """Times that both take to draw, and what the bench says of images of other sizes."""
    results, lines = kept("sample"), []
    for network in SAMPLED:
        if network not in results:
            continue
        result = results[network]
        own, passes = result[LAB]["rate"], result[EAGER]["rate"]
        ratio = marked(result, f"**{own * PASSES / passes:.0f}** (goal {SAMPLE_GOAL})")
        spread = max(of["spread"] for of in result.values())
        cells = [number(1e3 / own), number(1e3 / passes), number(PASSES / passes)]
        lines.append([network, *cells, ratio, f"{100 * spread:.0f} %"])
    if not lines:
        return "Not measured.\n", "Not measured."
    titles = ["network", "lab, ms", "PyTorch, one pass, ms", f"{PASSES} passes, s"]
    return table([*titles, "lab is faster by", "spread"], lines), results["scale"]


def every(results, key):
    """The values that results have under `key`."""
    return ", ".join(sorted({f"{of[key]:g}" for of in results}))


def write():
    missing = [part for part in PARTS if not kept(part)]
    if missing:
        print(f"docs/benchmarks.md stays as it is: not measured here yet: {', '.join(missing)}")
        return
    machine, (rates, memory, mean) = kept("machine"), update_tables()
    sweeps, solutions, scale = solve_tables()
    drawn, sizes = sample_table()
    about = machine["described"]
    one, several = machine["measured"]
    steps, learners, on_policies, vaes = (
        [of for row in kept(name).values() for of in row.values()]
        for name in ("update", "dqn", "on-policy", "vae")
    )
    results = steps + learners + on_policies + vaes
    others = max((of["others"] for of in results), default=0)
    mean = f"Geometric mean of lab ÷ best peer: **{mean:.2f}**.\n" if mean else ""
    text = f"""# Benchmarks

Written by `python3 benches/run.py`, which installs the peers, builds, measures and writes; see the
script for measuring a part. Numbers are for the machine and the versions below, measured side by side
in one run: compare ratios, not numbers of different machines.

- CPU: {about["cpu"]}; cores: {about["cores"]}; {about["cache"]}; {about["memory"]} of memory
- vector sets: {about["vectors"]}
- measured with `cargo bench --bench machine`: matrix product (`nn::Linear`), 1024×1024, f32:
  {one["gflop_per_s"]} GFLOP/s with one thread, {several["gflop_per_s"]} with {several["threads"]};
  memory (triad): {one["gb_per_s"]} GB/s with one, {several["gb_per_s"]} with {several["threads"]}
- {about["system"]}; lab at commit {commits()}; {about["rust"]}; {about["crates"]}
- Python {about["python"]}; {about["peers"]}
- {about["date"]}; {every(results, "threads")} thread(s) for all; of the cores' time other
  processes took {100 * others:.0f} % at most (median over the turns of a contestant); rows where it
  was more than {100 * DISTURBED:.0f} % are marked † and are unreliable

## Training steps per second

A step is forward, loss, backward and Adam, in `f32`, on constant data; `act-…` is one choice of
greedy actions for observations in the host's memory. The architectures are stated in
`benches/update/rows.rs` and are the same in `benches/peers`. PyTorch runs eagerly with its default
Adam, with its other implementations of Adam (foreach, fused), and through `torch.compile` (with the
fused one); JAX jits the whole step. Best peer: the fastest of these five. Measured in turns of
{every(steps, "seconds")} s. Spread: distance of the quartiles over the turns, the largest of the row.

{rates}
{mean}
## Memory of a step

Peak resident memory of the process (MiB), and the part of it allocated after the start of the
program and its imports.

{memory}
## DQN with its environment

Transitions per second of whole programs, from environment to update: `lab dqn`, the `DQN` of
Stable-Baselines3 and the `dqn.py` of CleanRL (run from its installed package). All learn with one
environment, the networks of `dqn-mlp` (cartpole, batch 128) and `dqn-minatar` (breakout, batch 32),
one update every four transitions, replay of 100 000, ε = 0.05, Adam, no evaluation. Measured after
5 000 transitions in turns of {every(learners, "seconds")} s; between turns a program is stopped.

{dqn_table()}
## PPO and A2C with their environments

Transitions per second of whole programs, from environment to update: `lab ppo` and `lab actor-critic`,
`PPO` and `A2C` of Stable-Baselines3, and the `ppo.py` of CleanRL (run from its installed package; it asks
for the gym of 2021, and is given Gymnasium behind a thin layer). CleanRL has no A2C, a special case of PPO
(Huang et al. 2022, "A2C is a special case of PPO"). Eight environments for all; PPO: rollouts of 128 steps, 4 epochs of 4 batches of 256, Adam; A2C: rollouts
of 5 steps, RMSProp. Networks: cartpole, 64-64 with tanh, one for the policy and one for the critic;
breakout, the body of `dqn-minatar` for both. No evaluation. Measured as DQN, in turns of {every(on_policies, "seconds")} s.

{on_policy_table()}
## VAE with its data

Images per second of whole programs, from files to updates: `lab vae`, and two equivalent programs in
PyTorch, which runs eagerly with its default Adam: one takes rows of a tensor by shuffled numbers, the other
has a `DataLoader` over a `TensorDataset`. All read the same IDX files (50,000 images of 28×28 to train
on, noise with four of five pixels black), binarise an image anew each time it is trained on, shuffle every
epoch, and report the means of loss and its parts every 12,800 images. Networks as in `vae-mlp` and `vae-conv`,
batch 128. Measured as DQN, in turns of {every(vaes, "seconds")} s.

{vae_table()}
## Sampling from a PixelCNN

16 black and white images of 28×28 from the networks of `lab pixelcnn --features 64 --blocks 8`, untrained. PyTorch
passes the images through the network, which it would do {PASSES} times, once for each pixel; lab computes
each activation once. The bits equal those of {PASSES} passes of its own (docs/pixelcnn.md).

{drawn}
Images of other sizes, by `cargo bench --bench sample`: time grows as the number of pixels.

```text
{sizes.strip()}
```

## Sweeps of value iteration

Synchronous sweeps over an open grid of {SWEPT}×{SWEPT} states with four actions of three outcomes each,
discount 0.99: {number(SWEPT * SWEPT)} states, 1.2 million transitions. SciPy multiplies one sparse matrix for each
action; bettermdptools runs its `value_iteration`, a loop in Python, and its
`value_iteration_vectorized`, in single precision (200 sweeps a call, so that reading its dictionary
counts little). The others compute in double precision; all but lab use one thread.

{sweeps}
pymdptoolbox makes dense matrices of its sparse ones to check them, 74 GiB for that grid, and before the
first sweep bounds their number in time that grows with the square of the states. So both solve a grid
of {SOLVED}×{SOLVED}, from the transitions in memory to values that change by less than 1e-6 (lab: 1e-9).

{solutions}
Other sizes, by `cargo bench --bench solve`, and random MDPs of four actions with three outcomes each.
In a grid most states have the same row as the one before: such rows are read once, and several states are computed at
once (`agents/src/tabular/model/sweep.rs`). In a random MDP no two rows are equal. GB/s counts each number
that a sweep reads or writes once; compare with the triad above.

```text
{scale.strip()}
```
"""
    (ROOT / "docs" / "benchmarks.md").write_text(text)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("part", nargs="?", choices=["all", *PARTS, "write"], default="all")
    parser.add_argument("only", nargs="*", help="rows or environments")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=9, help="turns of each contestant")
    parser.add_argument("--seconds", type=float, default=2.0, help="length of a turn")
    parser.add_argument("--dqn-rounds", type=int, default=3)
    parser.add_argument("--dqn-seconds", type=float, default=30.0)
    options = parser.parse_args()
    if options.part != "write":
        install()
        measures = {
            "machine": machine,
            "update": update,
            "dqn": dqn,
            "on-policy": on_policy,
            "vae": vae,
            "sample": sample,
            "solve": solve,
        }
        wanted = [name for name in measures if options.part in ("all", name)]
        programs = build(wanted)
        for name in wanted:
            measures[name](programs, options)
    write()


if __name__ == "__main__":
    main()
