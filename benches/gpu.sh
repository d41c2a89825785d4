#!/usr/bin/env bash
# Tests lab on a GPU and measures it beside PyTorch on the same card: docs/benchmarks-gpu.md.
#
#   benches/gpu.sh               builds (.ci/build-cuda), then under ten minutes
#   benches/gpu.sh --built       what `benches/gpu.sh` built before
#   benches/gpu.sh --dry-run     every part in its shortest form on the CPU; writes under target/gpu
#
# PyTorch is taken from the python3 that is found (PYTHON names another); without one, lab is measured alone.
set -euo pipefail
cd "$(dirname "$0")/.."

mode=${1:-}
case $mode in
  '' | --built | --dry-run) ;;
  *) echo "benches/gpu.sh: unknown option $mode; there are --built and --dry-run" >&2; exit 2 ;;
esac
newest() { find "$1" -maxdepth 1 -name "$2-*" -type f -executable -printf '%T@ %p\n' | sort -rn | head -1 | cut -d' ' -f2; }

if [ "$mode" = --dry-run ]; then
  device=cpu built=$(realpath -m "${CARGO_TARGET_DIR:-target}")/debug
  cargo build --quiet --locked --bin lab --bench update
  cargo test --quiet --locked --workspace --lib --no-run
  LAB_TEST_DEVICE=cpu .ci/unit-tests "$built" by_hand >&2
else
  device=cuda built=$PWD/target/cuda-build/release
  if [ -z "$mode" ]; then
    .ci/build-cuda --release --bin lab --bench update
    .ci/build-cuda --release --workspace --tests
  fi
  export LAB_TEST_DEVICE=cuda LAB_TEST_BINARY=$built/lab
  .ci/unit-tests "$built" >&2
  "$(newest "$built/deps" cli)" devices
  "$(newest "$built/deps" downloads)"
fi
exec "${PYTHON:-python3}" benches/gpu.py --device "$device" --lab "$built/lab" --update "$(newest "$built/deps" update)" \
  ${mode:+$([ "$mode" = --dry-run ] && echo --dry-run)}
