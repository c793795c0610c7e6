"""The engines and the gateway as processes: where they are, how they start, what they count."""

import json
import os
import pathlib
import re
import socket
import subprocess
import time

import web

HERE = pathlib.Path(__file__).parent
REPOSITORY = HERE.parent.parent
ENGINES = pathlib.Path(os.environ.get("OUTTHINK_ENGINES", pathlib.Path.home() / ".cache/outthink/engines"))
LOGS = REPOSITORY / "target/engines"
QUIET = {
    "HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false",
    "VLLM_TARGET_DEVICE": "cpu", "VLLM_NO_USAGE_STATS": "1", "VLLM_CPU_KVCACHE_SPACE": "1", "VLLM_CPU_OMP_THREADS_BIND": "nobind",
}


class Absent(Exception):
    """A part of the suite is not on this machine; the text says how it comes there."""


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Process:
    """A server with its log; stopped when the `with` block ends."""

    def __init__(self, name, command, ready, seconds=300):
        LOGS.mkdir(parents=True, exist_ok=True)
        self.log = LOGS / f"{name}.log"
        with open(self.log, "w") as log:
            environment = {**os.environ, **QUIET}
            self.process = subprocess.Popen(
                ["nice", "-n", str(max(0, 10 - os.nice(0))), *map(str, command)], stdout=log, stderr=log, env=environment
            )
        until = time.monotonic() + seconds
        while True:
            try:
                web.get(ready)
                return
            except OSError:
                pass
            if self.process.poll() is not None or time.monotonic() > until:
                self.stop()
                tail = self.log.read_text(errors="replace")[-1500:]
                raise RuntimeError(f"{name} did not start; the end of {self.log}:\n{tail}")
            time.sleep(0.3)

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


def python_of(folder, module):
    """The Python of an engine's environment, where it has a module."""
    python = ENGINES / folder / "bin/python"
    why = f"no {module} in {ENGINES / folder}: run tests/engines/install.sh"
    if not python.exists():
        raise Absent(why)
    code = f"import importlib.metadata as m, importlib.util as u; assert u.find_spec('{module}'); print(m.version('{module}'))"
    found = subprocess.run([python, "-c", code], capture_output=True, text=True)
    if found.returncode:
        raise Absent(why)
    return python, found.stdout.strip()


class Engine:
    """A running engine: its address, and its own counters where it has them."""

    name = ""
    counts = {}

    def counters(self):
        """Prompt tokens, generated tokens and running requests by the engine's own /metrics; or nothing."""
        if not self.counts:
            return None
        text = web.get(f"{self.url}/metrics")
        def total(name):
            return sum(float(v) for v in re.findall(rf"^{re.escape(name)}(?:{{[^}}]*}})? ([0-9.e+]+)$", text, re.M))
        return {what: total(name) for what, name in self.counts.items()}


class Vllm(Engine):
    name = "vLLM"
    counts = {
        "prompt": "vllm:prompt_tokens_total", "generated": "vllm:generation_tokens_total",
        "running": "vllm:num_requests_running",
    }

    def __init__(self, model):
        python, version = python_of("vllm", "vllm")
        self.version = f"vllm-cpu {version}"
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        command = [
            python.parent / "vllm", "serve", model.folder(python), "--served-model-name", model.name,
            "--host", "127.0.0.1", "--port", port, "--enforce-eager", "--max-model-len", model.context,
            "--max-num-seqs", 16, "--disable-uvicorn-access-log", "--enable-prompt-tokens-details", "--dtype", "float32",
            "--enable-auto-tool-choice", "--tool-call-parser", "hermes", *model.vllm,
        ]
        self.process = Process(f"vllm-{model.name}", command, f"{self.url}/health", 1800)


class Llama(Engine):
    name = "llama.cpp"
    counts = {
        "prompt": "llamacpp:prompt_tokens_total", "generated": "llamacpp:tokens_predicted_total",
        "running": "llamacpp:requests_processing",
    }

    def __init__(self, model):
        python, version = python_of("llama", "xllamacpp")
        self.version = f"xllamacpp {version}"
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        command = [python, HERE / "llama_server.py", model.gguf(), model.name, port, model.context, 8]
        self.process = Process(f"llama-{model.name}", command, f"{self.url}/health")


class Transformers(Engine):
    name = "transformers"

    def __init__(self, model):
        python, version = python_of("vllm", "transformers")
        self.version = f"transformers serve {version}"
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        folder = model.folder(python)
        # It lists the models of a cache that has to be there.
        cache = LOGS / "hub"
        cache.mkdir(parents=True, exist_ok=True)
        os.environ["HF_HUB_CACHE"] = str(cache)
        # The name that requests give is the folder.
        self.model = str(folder)
        command = [
            python.parent / "transformers", "serve", folder, "--host", "127.0.0.1", "--port", port, "--device", "cpu",
            "--dtype", "float32",
        ]
        self.process = Process(f"transformers-{model.name}", command, f"{self.url}/health", 1800)


class Gateway:
    """outthink before an engine."""

    def __init__(self, engine, model, log="off"):
        binary = os.environ.get("OUTTHINK", REPOSITORY / "target/debug/outthink")
        if not pathlib.Path(binary).exists():
            raise Absent(f"no {binary}: build it with `cargo build -p outthink`, or name one by OUTTHINK")
        self.binary = binary
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self.model = getattr(engine, "model", model.name)
        command = [
            binary, "serve", "--engine", "openai", "--upstream", f"{engine.url}/v1", "--model", self.model,
            "--port", port, "--log", log,
        ]
        self.process = Process(f"gateway-{engine.name}-{model.name}", command, f"{self.url}/health/ready", 60)
        self.upstream = engine.url

    def chat(self, **fields):
        return web.post(f"{self.url}/v1/chat/completions", {"model": self.model, **fields})

    def stream(self, most=None, **fields):
        body = {"model": self.model, "stream": True, "stream_options": {"include_usage": True}, **fields}
        return web.events(f"{self.url}/v1/chat/completions", body, most)

    def abilities(self):
        """What `outthink probe` finds at the engine, by the ability's name."""
        found = subprocess.run(
            [self.binary, "probe", f"{self.upstream}/v1", "--model", self.model, "--json"], capture_output=True, text=True
        )
        if found.returncode:
            raise RuntimeError(found.stderr.strip()[-500:])
        return json.loads(found.stdout)
