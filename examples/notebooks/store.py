"""Stores an executed notebook: store.py EXECUTED STORED. Says how long the first cell took, and refuses errors."""

import json
import sys
from datetime import datetime
from pathlib import Path


def seconds(cell):
    """Time from the kernel's taking a cell to its reply."""
    times = cell["metadata"].pop("execution", {})
    first, last = (times.get(name) for name in ("iopub.execute_input", "shell.execute_reply"))
    if not first or not last:
        return 0.0
    return (datetime.fromisoformat(last[:-1]) - datetime.fromisoformat(first[:-1])).total_seconds()


def joined(outputs):
    """Outputs with each run of lines on one stream as one."""
    stored = []
    for output in outputs:
        same = stored and output["output_type"] == "stream" and stored[-1].get("name") == output["name"]
        if same:
            stored[-1]["text"] = [*stored[-1]["text"], *output["text"]]
        else:
            stored.append(output)
    return stored


def main():
    executed, target = map(Path, sys.argv[1:])
    notebook = json.loads(executed.read_text(encoding="utf-8"))
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    times = [seconds(cell) for cell in cells]
    for number, cell in enumerate(cells, 1):
        cell["outputs"] = joined(cell["outputs"])
        for output in cell["outputs"]:
            if output["output_type"] == "error" or output.get("name") == "stderr":
                told = "".join(output.get("text", [])) or output.get("evalue", "")
                sys.exit(f"{target.name}: cell {number} failed: {told}")
    text = json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"
    target.write_text(text, encoding="utf-8")
    size = len(text.encode()) / 1e6
    print(f"{target.name}: first cell {times[0]:.1f} s, all {sum(times):.0f} s, {size:.2f} MB")


main()
