"""Runs a step whenever a line on standard input says for how long, as benches/update does."""

import sys
import time


def peak_memory():
    """The most memory this process ever held, in KiB, where the system tells."""
    try:
        with open("/proc/self/status") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmHWM:"))
    except OSError:
        return 0


def run(step, wait, stride, seconds):
    """Steps done and seconds taken: about `seconds`, at least three steps."""
    start, steps = time.perf_counter(), 0
    while True:
        for _ in range(stride):
            result = step()
        wait(result)
        steps += stride
        elapsed = time.perf_counter() - start
        if steps >= 3 and elapsed >= seconds:
            return steps, elapsed


def serve(setup, wait):
    """`setup()` gives the step; `wait` blocks until what a step returned is computed."""
    base = peak_memory()
    step = setup()
    for _ in range(3):
        wait(step())
    steps, seconds = run(step, wait, 1, 1.0)
    answer(step, wait, max(1, int(0.02 * steps / seconds)), 1, base)


def serve_sweeps(setup):
    """`setup()` gives the step and how many sweeps it makes; some take seconds."""
    base = peak_memory()
    step, sweeps = setup()
    step()
    answer(step, lambda result: None, 1, sweeps, base)


def answer(step, wait, stride, units, base):
    """Says it is ready and answers every line; a step counts as so many units."""
    print("ready", base, flush=True)
    for line in sys.stdin:
        steps, seconds = run(step, wait, stride, float(line))
        print(steps * units, seconds, peak_memory(), flush=True)
