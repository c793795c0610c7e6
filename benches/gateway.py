#!/usr/bin/env python3
"""The gateway side by side with others, before one instant upstream, in one run.

    benches/gateway.py [--rounds 3] [--seconds 5] [--connections 64] [--pieces 50]

Contestants take turns within a round, so that whatever else the machine does hits all of them. Of each one
the processor time a request costs (user and system time of the gateway alone), requests a second and the p99
are printed, the median of the rounds with the smallest and the largest.

outthink takes part as it starts, with a key on SQLite, and with a key on PostgreSQL where
OUTTHINK_TEST_POSTGRES names a server (`.ci/postgres benches/gateway.py`). Others take part where these name
the commands of their Python packages: VLLM_ROUTER (`vllm-router`), SMG (`smg`), SGLANG_ROUTER (a Python with
`sglang-router`). OUTTHINK_BEFORE names another binary of outthink to compare with.

Needs wrk (Debian: wrk). Compare within a run: absolute figures mean little on a machine that does other things.
"""

import argparse
import json
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
UPSTREAM_PORT = 9100
TICK = os.sysconf("SC_CLK_TCK")
CONFIG = """[defaults]
effort = "none"
[[upstreams]]
name = "instant"
url = "http://127.0.0.1:{upstream}/v1"
[[models]]
name = "fake"
input_usd = 0.15
output_usd = 0.60
[keys]
mode = "{mode}"
claim_ahead = true
ledger = {ledger}
"""
PROMPT = "What is the capital of France, and how many people live there?"


@dataclass
class Contestant:
    """A gateway that runs, and what was measured of it."""

    name: str
    port: int
    process: subprocess.Popen
    key: str | None = None
    figures: dict = field(default_factory=dict)

    def processor_seconds(self) -> float:
        """User and system time of the process and of all that it started."""
        total = 0.0
        for pid in family(self.process.pid):
            try:
                stat = Path(f"/proc/{pid}/stat").read_text()
            except FileNotFoundError:
                continue
            values = stat.rsplit(")", 1)[1].split()
            total += (int(values[11]) + int(values[12])) / TICK
        return total

    def resident_mb(self) -> float:
        status = [Path(f"/proc/{pid}/status").read_text() for pid in family(self.process.pid)]
        found = [re.search(r"VmRSS:\s+(\d+)", text) for text in status]
        return sum(int(f.group(1)) for f in found if f) / 1024


def family(pid: int) -> list[int]:
    """A process and all that descend from it."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except FileNotFoundError:
        return [pid]
    return [pid] + [p for child in children for p in family(int(child))]


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--seconds", type=int, default=5)
    options.add_argument("--connections", type=int, default=64)
    options.add_argument("--pieces", type=int, default=50, help="tokens of a reply, one a piece")
    options.add_argument("--kinds", default="whole,streamed")
    options.add_argument("--only", help="names of contestants, by commas")
    args = options.parse_args()
    if shutil.which("wrk") is None:
        sys.exit("wrk is not installed (Debian: apt-get install wrk)")
    with tempfile.TemporaryDirectory() as work:
        started: list[subprocess.Popen] = []
        try:
            run(args, Path(work), started)
        finally:
            for process in started:
                end(process)


def run(args: argparse.Namespace, work: Path, started: list) -> None:
    upstream = [TARGET / "release/examples/upstream", "--port", str(UPSTREAM_PORT), "--tokens", str(args.pieces)]
    start(upstream, work / "upstream.log", started)
    until_ready(f"http://127.0.0.1:{UPSTREAM_PORT}/health")
    only = args.only.split(",") if args.only else None
    contestants = []
    for port, (name, begin) in enumerate(candidates(), UPSTREAM_PORT + 1):
        if only is not None and name not in only:
            continue
        began = time.monotonic()
        contestant = begin(name, port, work, started)
        until_answers(contestant)
        print(f"{name}: start to first answer {(time.monotonic() - began) * 1e3:.0f} ms", flush=True)
        contestants.append(contestant)
    for kind in args.kinds.split(","):
        for _ in range(args.rounds):
            for contestant in contestants:
                measure(contestant, kind, args, work)
        report(contestants, kind, args)
    print("\nresident memory after that:")
    for contestant in contestants:
        print(f"  {contestant.name:<24} {contestant.resident_mb():.1f} MB")


def candidates() -> list:
    """Names, and what starts each."""
    own = os.environ.get("OUTTHINK", str(TARGET / "release/outthink"))
    found = [("outthink", outthink(own, None))]
    if before := os.environ.get("OUTTHINK_BEFORE"):
        found.append(("outthink before", outthink(before, None)))
    found.append(("outthink, key, SQLite", outthink(own, "sqlite")))
    if url := os.environ.get("OUTTHINK_TEST_POSTGRES"):
        found.append(("outthink, key, PostgreSQL", outthink(own, url)))
    upstream = f"http://127.0.0.1:{UPSTREAM_PORT}"
    routers = {
        "vllm-router": ("VLLM_ROUTER", []),
        "smg": ("SMG", ["launch"]),
        "sglang-router": ("SGLANG_ROUTER", ["-m", "sglang_router.launch_router"]),
    }
    for offset, (name, (variable, words)) in enumerate(routers.items()):
        if command := os.environ.get(variable):
            rest = ["--host", "127.0.0.1", "--worker-urls", upstream, "--policy", "round_robin",
                    "--prometheus-port", str(29100 + offset)]
            found.append((name, router([command, *words, *rest])))
    return found


def outthink(binary: str, ledger: str | None):
    """What starts a gateway of ours: without keys, or with one of many dollars a day in this ledger."""

    def begin(name: str, port: int, work: Path, started: list) -> Contestant:
        home = work / str(port)
        home.mkdir()
        environment = {**os.environ, "OUTTHINK_OFFLINE": "1", "HOME": str(home)}
        url = f"sqlite:{home}/ledger.db" if ledger in (None, "sqlite") else ledger
        config = home / "outthink.toml"
        config.write_text(CONFIG.format(upstream=UPSTREAM_PORT, mode="off" if ledger is None else "required",
                                        ledger=json.dumps(url)))
        key = None
        if ledger is not None:
            name_of_key = f"bench-{os.getpid()}-{port}"
            make = [binary, "keys", "create", name_of_key, "--usd-per-day", "1000000", "--json", "--config", config]
            made = subprocess.run(make, env=environment, capture_output=True, text=True, check=False)
            if made.returncode:
                sys.exit(f"no key was made: {made.stderr}")
            key = json.loads(made.stdout)["key"]
        serve = ["serve", "--port", str(port), "--config", str(config)]
        process = start([binary, *serve], work / f"{port}.log", started, environment)
        return Contestant(name, port, process, key)

    return begin


def router(command: list):
    def begin(name: str, port: int, work: Path, started: list) -> Contestant:
        process = start([*command, "--port", str(port)], work / f"{port}.log", started)
        return Contestant(name, port, process)

    return begin


def start(command: list, log: Path, started: list, environment: dict | None = None) -> subprocess.Popen:
    with log.open("wb") as out:
        process = subprocess.Popen([str(word) for word in command], stdout=out, stderr=out, env=environment,
                                   start_new_session=True)
    started.append(process)
    return process


def end(process: subprocess.Popen) -> None:
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def until_ready(url: str) -> None:
    for _ in range(1200):
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except OSError:
            time.sleep(0.05)
    sys.exit(f"no answer from {url}")


def until_answers(contestant: Contestant) -> None:
    """Waits for a completion: routers take their workers in after they answer."""
    url = f"http://127.0.0.1:{contestant.port}/v1/chat/completions"
    headers = {"content-type": "application/json"}
    if contestant.key:
        headers["authorization"] = f"Bearer {contestant.key}"
    for _ in range(600):
        request = urllib.request.Request(url, body("whole").encode(), headers)
        try:
            with urllib.request.urlopen(request, timeout=5) as reply:
                reply.read()
                return
        except OSError:
            time.sleep(0.1)
    sys.exit(f"{contestant.name} does not answer")


def body(kind: str) -> str:
    messages = [{"role": "system", "content": "You are a helpful assistant."}, {"role": "user", "content": PROMPT}]
    asked = {"model": "fake", "messages": messages, "max_tokens": 64}
    return json.dumps(asked | ({"stream": True} if kind == "streamed" else {}))


def measure(contestant: Contestant, kind: str, args: argparse.Namespace, work: Path) -> None:
    script = work / "ask.lua"
    lines = ['wrk.method = "POST"', 'wrk.headers["content-type"] = "application/json"', f"wrk.body = [[{body(kind)}]]"]
    if contestant.key:
        lines.append(f'wrk.headers["authorization"] = "Bearer {contestant.key}"')
    script.write_text("\n".join(lines))
    url = f"http://127.0.0.1:{contestant.port}/v1/chat/completions"
    wrk = ["wrk", "-t1", f"-c{args.connections}", f"-d{args.seconds}s", "--latency", "-s", str(script), url]
    before = contestant.processor_seconds()
    out = subprocess.run(wrk, capture_output=True, text=True, check=True).stdout
    spent = contestant.processor_seconds() - before
    count = int(re.search(r"(\d+) requests in", out).group(1))
    if refused := re.search(r"Non-2xx.*", out):
        print(f"  {contestant.name}: {refused.group(0)}")
    rate = float(re.search(r"Requests/sec:\s+([\d.]+)", out).group(1))
    value, unit = re.search(r"99%\s+([\d.]+)(us|ms|s)", out).groups()
    p99 = float(value) * {"us": 1e-3, "ms": 1, "s": 1e3}[unit]
    contestant.figures.setdefault(kind, []).append((spent / max(count, 1) * 1e6, rate, p99))


def report(contestants: list[Contestant], kind: str, args: argparse.Namespace) -> None:
    print(f"\n{kind}, {args.connections} connections, {args.pieces} tokens a reply, {args.rounds} rounds by turns")
    print("| contestant | processor time a request, µs | requests/s | p99 ms |\n|---|---|---|---|")
    for contestant in contestants:
        columns = zip(*contestant.figures[kind])
        cpu, rate, p99 = ((statistics.median(c), min(c), max(c)) for c in columns)
        print(f"| {contestant.name} | {cpu[0]:.0f} ({cpu[1]:.0f}-{cpu[2]:.0f}) | {rate[0]:,.0f} | "
              f"{p99[0]:.1f} ({p99[1]:.1f}-{p99[2]:.1f}) |", flush=True)


if __name__ == "__main__":
    main()
