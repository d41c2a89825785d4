"""One row of benches/update in PyTorch or JAX: `update.py CONTESTANT ROW`, driven line by line.

Contestants: torch (eager, Adam as it comes), torch-foreach and torch-fused (eager, with the other
implementations of Adam), torch-compile (with fused Adam), jax (a step is one jitted function).
"""

import os
import sys

import driver


def main():
    contestant, row = sys.argv[1:]
    if contestant == "jax":
        import jax
        import jax_rows

        driver.serve(jax_rows.ROWS[row], jax.block_until_ready)
    else:
        import torch_rows

        torch_rows.prepare(contestant)
        gpu = os.environ.get("BENCH_DEVICE", "cpu") != "cpu"
        wait = (lambda _: torch_rows.torch.cuda.synchronize()) if gpu else lambda _: None
        driver.serve(torch_rows.ROWS[row], wait)


if __name__ == "__main__":
    main()
