#!/usr/bin/env python3
"""Steps per second of lab's environments beside their originals and gymnax, as a table.

    python3 benches/step.py [ENV…] [--rounds 5] [--seconds 0.5]

Peers are installed under target/stepping. The contestants of a row live at the same time on one core and work in turns of
`--seconds`; the median over the turns counts, of steps per second of the processor's time of each, so that other programs matter
little. All take uniformly random actions that were drawn before.
"""

import argparse
import statistics
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import run

VENV = run.ROOT / "target" / "stepping"
PYTHON = VENV / "bin" / "python"
REQUIREMENTS = run.PEERS / "requirements-step.txt"
MINATAR = ["breakout", "asterix", "freeway", "seaquest", "space-invaders"]
CLASSIC = ["cartpole", "acrobot", "mountain-car", "mountain-car-continuous", "pendulum"]
BOX2D = ["lunar-lander", "bipedal-walker"]
TABLES = ["frozen-lake", "taxi", "cliff-walking"]
COPIES = [1, 8, 64]


def peers(name, n):
    """Those that have the environment with so many copies."""
    found = []
    if name in MINATAR:
        found += ["minatar"] if n < 64 else []
    elif n == 1:
        found += ["gymnasium"]
    else:
        found += ["gymnasium-vector"]
    if name in MINATAR + CLASSIC and name != "seaquest":
        found += ["gymnax"]
    return found


def install():
    wanted, stamp = REQUIREMENTS.read_text(), VENV / "installed"
    if stamp.exists() and stamp.read_text() == wanted:
        return
    subprocess.run([sys.executable, "-m", "venv", VENV], check=True)
    subprocess.run([PYTHON, "-m", "pip", "install", "--quiet", "-r", REQUIREMENTS], check=True)
    # MinAtar asks for plotting libraries that only its window needs.
    subprocess.run([PYTHON, "-m", "pip", "install", "--quiet", "--no-deps", "MinAtar==1.0.15"], check=True)
    stamp.write_text(wanted)


class Timed(run.Stepper):
    """Counts by the processor's time of its own threads."""

    def turn(self, seconds):
        before = self._processor()
        print(seconds, file=self.process.stdin, flush=True)
        steps, _, self.peak = self._answer()
        return steps / (self._processor() - before)

    def _processor(self):
        """Seconds, to the nanosecond."""
        threads = Path(f"/proc/{self.process.pid}/task").iterdir()
        return sum(int((thread / "schedstat").read_text().split()[0]) for thread in threads) / 1e9


def measured(bench, name, n, options):
    """Medians of steps per second of the processor, by contestant."""
    with ExitStack() as stack:
        commands = {run.LAB: [bench, "serve", name, n]}
        commands |= {peer: [PYTHON, run.PEERS / "step.py", peer, name, n] for peer in peers(name, n)}
        contestants = {
            who: stack.enter_context(Timed(command, 1)) for who, command in commands.items()
        }
        rates = {who: [] for who in contestants}
        for _ in range(options.rounds):
            for who, contestant in contestants.items():
                rates[who].append(contestant.turn(options.seconds))
        return {who: statistics.median(of) for who, of in rates.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("envs", nargs="*", metavar="ENV", default=MINATAR + CLASSIC + BOX2D + TABLES)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.5)
    options = parser.parse_args()
    install()
    lines = run.output("cargo", "build", "--release", "--message-format=json", "--bench=step").splitlines()
    bench = next(message["executable"] for message in map(run.json.loads, lines) if message.get("executable"))
    print("| environment | copies | lab | original | lab is faster by | gymnax | lab is faster by |")
    print("|---|---:|---:|---:|---:|---:|---:|")
    for name in options.envs:
        for n in COPIES:
            rates = measured(bench, name, n, options)
            own = rates.pop(run.LAB)
            gymnax = rates.pop("gymnax", None)
            original = next(iter(rates.values()), None)
            cells = [name, str(n), f"{own:,.0f}"]
            for peer in (original, gymnax):
                cells += [f"{peer:,.0f}", f"{own / peer:.3g}"] if peer else ["–", "–"]
            print(f"| {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
