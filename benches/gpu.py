#!/usr/bin/env python3
"""Measures lab on a device beside PyTorch on the same one; benches/gpu.sh builds and calls it.

Steps of training in turns, as benches/run.py takes them, and whole programs from the command line.
"""

import argparse
import importlib.util
import json
import os
import statistics
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

import run

PEERS = ["torch", "torch-compile"]
# Whole programs: what a step counts, and the command line.
PROGRAMS = {
    "ppo on breakout": "ppo --env breakout --steps 500000",
    "dqn on breakout": "dqn --env breakout --preset dqn-breakout-2015 --steps 100000",
    "vae": "vae --data {data} --preset vae-mnist --steps 500000",
    "pixelcnn": "pixelcnn --data {data} --preset pixelcnn-mnist --steps 30000",
    "gan": "gan --data {data} --network dcgan --steps 60000",
}
SHORT = {name: command.rpartition(" --steps ")[0] for name, command in PROGRAMS.items()}


def card(device):
    """The name of the card, or of the processor."""
    if device == "cpu":
        return "the CPU (a dry run)"
    query = ["nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader"]
    return subprocess.run(query, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


def steps(options, torch):
    """A line of the table for each row, and the ratios to both peers."""
    described = run.rows_of(options.update)
    rows = ["dqn-mlp"] if options.dry_run else list(described)
    lines, ratios = [], {name: [] for name in PEERS}
    for row in rows:
        commands = {run.LAB: [options.update, f"--device={options.device}", "serve", row]}
        for name in PEERS if torch else []:
            commands[name] = [sys.executable, run.PEERS / "update.py", name, row]
        with ExitStack() as stack:
            contestants = {
                name: stack.enter_context(run.Stepper(command, options.threads))
                for name, command in commands.items()
            }
            result = run.take_turns(contestants, options.rounds, options.seconds)
        rates = {name: of["rate"] for name, of in result.items()}
        run.say(f"{row}:", ", ".join(f"{name} {rate:.4g}" for name, rate in rates.items()))
        for name in ratios:
            if name in rates:
                ratios[name].append(rates[run.LAB] / rates[name])
        told = [f"{rates[run.LAB] / rates[name]:.2f}" if name in rates else "" for name in PEERS]
        cells = [run.number(rates[name]) if name in rates else "" for name in [run.LAB, *PEERS]]
        lines.append([f"`{row}` {described[row]}", *cells, *told])
    return lines, ratios


def programs(options):
    """A line for each whole program: what it came to per second."""
    lines = []
    for name, command in (SHORT if options.dry_run else PROGRAMS).items():
        if options.dry_run:
            command += " --steps 200 --eval-episodes 1 --test-episodes 1" if "--env" in command else " --steps 64"
        command = command.format(data="stripes" if options.dry_run else "mnist")
        if options.dry_run and "--data" in command:
            # Its presets are for images of 28×28.
            command = command.replace("--preset vae-mnist", "").replace("--preset pixelcnn-mnist", "--features 8 --blocks 1 --hidden 8")
            command = command.replace("--network dcgan", "--hidden 8 --latents 4")
        with tempfile.TemporaryDirectory() as place:
            words = [Path(options.lab).resolve(), *command.split(), "--device", options.device]
            words += ["--eval-every", "0", "--save-every", "0", "--quiet", "--json", "--out", f"{place}/run"]
            done = subprocess.run(words, stdout=subprocess.PIPE, check=True, text=True)
        result = json.loads(done.stdout)
        rate, unit = result["steps_per_second"], "images" if "--data" in command else "transitions"
        run.say(f"{name}: {rate:.4g} {unit} per second")
        lines.append([name, f"`lab {command}`", f"{run.number(rate)} {unit}"])
    return lines


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--lab", required=True, help="the program")
    parser.add_argument("--update", required=True, help="the benchmark `update`")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--dry-run", action="store_true")
    options = parser.parse_args()
    options.rounds, options.seconds = (1, 0.1) if options.dry_run else (5, 1.0)
    os.environ["BENCH_DEVICE"] = options.device
    torch = importlib.util.find_spec("torch") is not None and not options.dry_run
    lines, ratios = steps(options, torch)
    titles = ["row", "lab", "PyTorch eager", "torch.compile", "lab ÷ eager", "lab ÷ compile"]
    means = [f"{name} {statistics.geometric_mean(of):.2f}" for name, of in ratios.items() if of]
    text = f"""# Benchmarks on a GPU

Written by `benches/gpu.sh` on {card(options.device)}, at {run.commit()}. Rows as in [benchmarks](benchmarks.md): steps
of training per second, everybody on the same card, in turns.

{run.table(titles, lines)}
{"Geometric mean of lab ÷ PyTorch: " + ", ".join(means) if means else "PyTorch was not there to compare with."}

Whole programs, with their environments or data, per second:

{run.table(["program", "command", "per second"], programs(options))}"""
    out = run.ROOT / ("target/gpu/benchmarks-gpu.md" if options.dry_run else "docs/benchmarks-gpu.md")
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(text)
    run.say("written to", out.relative_to(run.ROOT))


if __name__ == "__main__":
    main()
