#!/usr/bin/env bash
# Executes the notebooks from clean and stores their outputs: examples/notebooks/run.sh [NAME.ipynb…]
#
# The kernel (evcxr_jupyter), Jupyter and all runs go to target/; LAB=PROGRAM takes a lab that is built already.
set -euo pipefail
cd "$(dirname "$0")/../.."
root=$PWD
here=examples/notebooks
# As deep as examples/notebooks, so that the paths of `:dep` hold.
work=$root/target/notebooks

if [ -z "${LAB:-}" ]; then
    cargo build --release --bin lab
    LAB=$root/target/release/lab
fi
export LAB

if [ ! -x "$root/target/evcxr/bin/evcxr_jupyter" ]; then
    cargo install --root "$root/target/evcxr" --target-dir "$root/target/evcxr-build" --locked evcxr_jupyter@0.22.0
fi
if [ ! -x "$work/venv/bin/jupyter-nbconvert" ]; then
    python3 -m venv "$work/venv"
    "$work/venv/bin/pip" install --quiet nbconvert jupyter-client ipykernel
fi
JUPYTER_PATH=$work/venv/share/jupyter "$root/target/evcxr/bin/evcxr_jupyter" --install >/dev/null

if [ $# -eq 0 ]; then
    set -- "$here"/*.ipynb
fi
for notebook in "$@"; do
    name=$(basename "$notebook" .ipynb)
    rm -rf "$work/runs"
    cp "$here/$name.ipynb" "$work/"
    # Without what evcxr has kept (`:cache`): the first cell builds all that it depends on.
    rm -rf "$work/cache"
    XDG_CACHE_HOME=$work/cache EVCXR_CONFIG_DIR=$work/evcxr "$work/venv/bin/jupyter" nbconvert --to notebook --execute --inplace \
        --log-level WARN --ExecutePreprocessor.timeout=-1 "$work/$name.ipynb"
    "$work/venv/bin/python" "$here/store.py" "$work/$name.ipynb" "$here/$name.ipynb"
done
