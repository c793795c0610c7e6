#!/usr/bin/env bash
# The path of somebody who has Python and a wheel: from `pip install` to the first answer, in a clean environment.
#
#   tests/paths/pip-user.sh WHEEL
set -euo pipefail
wheel=$(realpath "$1")
here=$(realpath "$(dirname "${BASH_SOURCE[0]}")")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
export OUTTHINK_HOME=$work/home OUTTHINK_OFFLINE=1
python3 -m venv venv
PATH=$work/venv/bin:$PATH

start=$(date +%s.%N)
pip install -q --no-index --disable-pip-version-check "$wheel"
# The first answer is the first line of the demo's table.
outthink demo --problems 10 --efforts none >demo.txt
end=$(date +%s.%N)
cat demo.txt
awk -v s="$start" -v e="$end" 'BEGIN { printf "pip install to the end of the demo: %.1f s\n", e - s }'
grep -q 'none' demo.txt

outthink --version
python -m outthink --version
python - <<'PY'
import outthink

assert outthink.equal(r"\frac{1}{2}", "0.5")
assert outthink.rewards([r"So \boxed{4}.", "I do not know."], ["4", "4"]) == [1.0, 0.0]
# The gateway is the command within the wheel.
import json
import urllib.request

with outthink.serve("--model", "desk") as gateway:
    with urllib.request.urlopen(gateway.url + "/models") as reply:
        models = [m["id"] for m in json.load(reply)["data"]]
assert any("desk" in m for m in models), models
print("import outthink, serve:", models)
PY
python "$here/researcher.py"
pip uninstall -q -y outthink
test ! -e venv/bin/outthink
echo "the pip user's path: done"
