"""The models that every engine serves: a plain one, and a reasoner that this project trains."""

import os
import pathlib
import subprocess

from parts import LOGS, REPOSITORY, Absent

OUTTHINK = os.environ.get("OUTTHINK", str(REPOSITORY / "target/debug/outthink"))

# SmolLM2 as GGUF, written as a Hugging Face folder.
CONVERT = """
import pathlib, sys, torch
from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig
path, folder = pathlib.Path(sys.argv[1]), sys.argv[2]
whole = GgufConfig(dequantize=True)
model = AutoModelForCausalLM.from_pretrained(path.parent, gguf_file=path.name, quantization_config=whole)
model.to(torch.float32).save_pretrained(folder)
AutoTokenizer.from_pretrained(path.parent, gguf_file=path.name).save_pretrained(folder)
"""


class Plain:
    """SmolLM2 135M Instruct: no reasoning, tools and JSON through the engines' grammars."""

    name, about, reasons, context = "smollm2", "SmolLM2-135M-Instruct", False, 2048
    vllm = []
    question = "Name a colour."

    def gguf(self):
        if path := os.environ.get("OUTTHINK_ENGINES_SMOLLM2"):
            return pathlib.Path(path)
        found = subprocess.run([OUTTHINK, "models", "path", "smollm2-135m"], capture_output=True, text=True)
        if found.returncode:
            raise Absent("no smollm2-135m: run `./x models pull smollm2-135m`")
        return pathlib.Path(found.stdout.strip())

    def folder(self, python):
        folder = LOGS / "smollm2-hf"
        if not (folder / "tokenizer_config.json").exists():
            subprocess.run([python, "-c", CONVERT, self.gguf(), folder], check=True, capture_output=True)
        return folder


class Reasoner:
    """desk-reasoner, which is part of the binary: `<think>`, many tokens, `</think>`, an answer.

    OUTTHINK_REASONER names another one: the folder of a run, or a GGUF file that `train export` wrote.
    """

    name, about, reasons, context = "desk-reasoner", "desk-reasoner (this project's)", True, 2048
    levels = (2, 3)
    vllm = ["--reasoning-parser", "deepseek_r1"]
    question = "3*4+2 mod 5"

    def run(self):
        if path := os.environ.get("OUTTHINK_REASONER"):
            return pathlib.Path(path)
        found = subprocess.run([OUTTHINK, "models", "path", "desk-reasoner"], capture_output=True, text=True)
        if found.returncode:
            raise Absent(f"no desk-reasoner: {found.stderr.strip()[-200:]}")
        return pathlib.Path(found.stdout.strip())

    def export(self, flag, name):
        path = LOGS / name
        LOGS.mkdir(parents=True, exist_ok=True)
        subprocess.run([OUTTHINK, "train", "export", self.run(), flag, path], check=True, capture_output=True)
        return path

    def gguf(self):
        return self.export("--gguf", "desk-reasoner.gguf")

    def folder(self, _python):
        return self.export("--hf", "desk-reasoner-hf")
