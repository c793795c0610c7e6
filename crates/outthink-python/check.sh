#!/usr/bin/env bash
# Builds the wheel, installs it into a virtual environment of its own and runs its tests there:
#
#   crates/outthink-python/check.sh [WITH]     WITH names further packages: math-verify for the speed of both
#
# Needs Python with venv and pip; says so and ends well where they are not there.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

if ! python3 -c 'import venv, ensurepip' >/dev/null 2>&1; then
  echo "skipped: Python with venv and pip is not here"
  exit 0
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
pip=("$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check)
if ! "${pip[@]}" maturin pytest "$@"; then
  echo "skipped: maturin and pytest cannot be installed"
  exit 0
fi
"$work/venv/bin/maturin" build --quiet --release --out "$work/wheels"
ls -l "$work/wheels" | awk 'NF > 8 {print $9, $5 " bytes"}'
"${pip[@]}" --no-index "$work"/wheels/*.whl
"$work/venv/bin/python" -m pytest -q tests
for with in "$@"; do
  [ "$with" != math-verify ] || "$work/venv/bin/python" bench.py
done
