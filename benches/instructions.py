#!/usr/bin/env python3
"""Instructions and system calls that one request costs the gateway, and where they are spent.

    benches/instructions.py [--requests 1000] [--kinds whole,streamed] [--pieces 50] [--key] [--functions 30]

Processor time changes with what else a machine does; counts of instructions hardly do (callgrind, user space alone).
One client asks over one connection, so that what is counted is a request's own path; with --key several are worth it,
since the ledger claims ahead for keys that are busy. The same process is counted after it was warmed up and only while
it answers. Printed are instructions a request, the share of each crate (of ours: of each folder) by the line that an
instruction comes from, inlined ones included, and functions with all that they call.

Needs valgrind (skipped without), a binary with line tables and an upstream:

    export CARGO_PROFILE_RELEASE_DEBUG=line-tables-only CARGO_PROFILE_RELEASE_STRIP=none CARGO_TARGET_DIR=target/prof
    cargo build --release -p outthink --no-default-features
    cargo build --release -p outthink-testkit --example upstream

System calls are counted by strace where it is there. OUTTHINK names another binary, UPSTREAM another upstream.
"""

import argparse
import collections
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from gateway import CONFIG

ROOT = Path(__file__).resolve().parent.parent
BUILT = ROOT / "target/prof/release"
PORTS = (9310, 9311)
WARM = 200
MESSAGES = [
    {"role": "system", "content": "You are a helpful assistant."},
    {"role": "user", "content": "What is the capital of France, and how many people live there?"},
]


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--requests", type=int, default=1000)
    options.add_argument("--kinds", default="whole,streamed")
    options.add_argument("--pieces", type=int, default=50, help="tokens of a reply, one a piece")
    options.add_argument("--connections", type=int, default=1)
    options.add_argument("--key", action="store_true", help="ask with a key whose budget is in SQLite")
    options.add_argument("--functions", type=int, default=30, help="how many functions are printed")
    options.add_argument("--keep", help="a folder for the files of callgrind")
    args = options.parse_args()
    if shutil.which("valgrind") is None:
        print("skipped: valgrind is not installed (Debian: apt-get install valgrind)")
        return
    with tempfile.TemporaryDirectory() as work:
        home = Path(args.keep or work)
        home.mkdir(parents=True, exist_ok=True)
        upstream = os.environ.get("UPSTREAM", str(BUILT / "examples/upstream"))
        words = [upstream, "--port", str(PORTS[0]), "--tokens", str(args.pieces)]
        server = begin(words, PORTS[0])
        try:
            count_all(args, home)
        finally:
            end(server)


def count_all(args: argparse.Namespace, home: Path) -> None:
    binary = os.environ.get("OUTTHINK", str(BUILT / "outthink"))
    for kind in args.kinds.split(","):
        counted = instructions(binary, kind, args, home)
        print(f"\n{kind}: {counted.total / args.requests:,.0f} instructions a request"
              f" ({args.requests} requests, connections: {args.connections}, {args.pieces} pieces)")
        if shutil.which("strace"):
            calls = system_calls(binary, kind, args, home)
            print(f"system calls a request: {sum(calls.values()):.2f} ("
                  + ", ".join(f"{name} {count:.2f}" for name, count in calls.most_common() if count >= 0.01) + ")")
        print("\nby the crate that they come from:")
        for place, count in counted.places.most_common(45):
            if count * 500 > counted.total:
                print(f"  {count / args.requests:>9,.0f}  {count * 100 / counted.total:4.1f} %  {place}")
        print("\nby function, with all that it calls:")
        for name, count in counted.inclusive.most_common(args.functions):
            print(f"  {count / args.requests:>9,.0f}  {count * 100 / counted.total:4.1f} %  {name[:150]}", flush=True)


class Gateway:
    """A gateway that runs under a tool, and its clients, each over one connection."""

    def __init__(self, tool: list, binary: str, kind: str, args: argparse.Namespace, home: Path) -> None:
        config = home / "outthink.toml"
        mode = "required" if args.key else "off"
        config.write_text(CONFIG.format(upstream=PORTS[0], mode=mode, ledger=json.dumps(f"sqlite:{home}/ledger.db")))
        environment = {**os.environ, "OUTTHINK_OFFLINE": "1", "HOME": str(home)}
        headers = {"host": "gateway", "content-type": "application/json"}
        if args.key:
            make = [binary, "keys", "create", f"count-{time.monotonic_ns()}", "--usd-per-day", "1000000", "--json"]
            made = subprocess.run([*make, "--config", config], env=environment, capture_output=True, check=True)
            headers["authorization"] = f"Bearer {json.loads(made.stdout)['key']}"
        asked = {"model": "fake", "messages": MESSAGES, "max_tokens": 64}
        body = json.dumps(asked | ({"stream": True} if kind == "streamed" else {})).encode()
        headers["content-length"] = str(len(body))
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        self.request = f"POST /v1/chat/completions HTTP/1.1\r\n{head}\r\n".encode() + body
        serve = [binary, "serve", "--port", str(PORTS[1]), "--config", str(config)]
        self.process = begin([*tool, *serve], PORTS[1], env=environment, stderr=(home / "log").open("wb"))
        self.sockets = [socket.create_connection(("127.0.0.1", PORTS[1])) for _ in range(args.connections)]

    def ask(self, times: int) -> None:
        """Asks so many times, a share over each connection."""
        shares = [len(range(at, times, len(self.sockets))) for at in range(len(self.sockets))]
        with ThreadPoolExecutor(len(self.sockets)) as pool:
            list(pool.map(self.ask_over, self.sockets, shares))

    def ask_over(self, connection: socket.socket, times: int) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for _ in range(times):
            connection.sendall(self.request)
            reply = b""
            while not whole(reply):
                piece = connection.recv(1 << 16)
                if not piece:
                    sys.exit(f"the gateway closed the connection after {reply!r}")
                reply += piece
            if not reply.startswith(b"HTTP/1.1 200"):
                sys.exit(f"the gateway refused: {reply!r}")

    def close(self) -> None:
        for connection in self.sockets:
            connection.close()
        end(self.process)


def whole(reply: bytes) -> bool:
    """Whether a reply is complete: by its length, or by its last chunk."""
    head, found, body = reply.partition(b"\r\n\r\n")
    if not found:
        return False
    length = re.search(rb"(?i)\r\ncontent-length: (\d+)", head)
    return len(body) >= int(length.group(1)) if length else body.endswith(b"0\r\n\r\n")


class Counted:
    """What callgrind counted."""

    def __init__(self, path: Path) -> None:
        self.total = 0
        self.places: collections.Counter = collections.Counter()
        self.inclusive: collections.Counter = collections.Counter()
        names: dict = {}
        own = place = function = "?"
        of_call = False
        for line in path.read_text(errors="replace").splitlines():
            if found := re.match(r"(c?f[nile]|c?ob)=\((\d+)\)(?: (.*))?$", line):
                kind, number, name = found.groups()
                key = ("fn" if kind.endswith("fn") else "ob" if kind.endswith("ob") else "file", number)
                name = names.setdefault(key, name) if name else names.get(key, "?")
                if kind == "fn":
                    function = name
                elif kind in ("fl", "fi", "fe"):
                    place = place_of(name)
                    own = place if kind == "fl" else own
                    # What is inlined from the standard library works for the function around it.
                    place = own if place == "std" else place
            elif line.startswith("calls="):
                of_call = True
            elif found := re.match(r"\d+ (\d+)$", line):
                count = int(found[1])
                self.inclusive[function] += count
                if not of_call:
                    self.total += count
                    self.places[place] += count
                of_call = False
        for name in [name for name, count in self.inclusive.items() if count > self.total]:
            del self.inclusive[name]


def place_of(file: str) -> str:
    """The crate of a source file; of our own the folder, or the file where it lies in none."""
    if found := re.search(r"crates/(outthink[\w-]*)/src/(?:(\w+)/)?(\w+\.rs)", file):
        return "/".join(part for part in (found[1], found[2] or found[3]) if part)
    if found := re.search(r"registry/src/[^/]+/(.+?)-\d[^/]*/", file):
        return found[1]
    if re.search(r"^/rustc?/", file):
        return "std"
    return Path(file).name


def instructions(binary: str, kind: str, args: argparse.Namespace, home: Path) -> Counted:
    out = home / f"callgrind.{kind}"
    for old in home.glob(f"{out.name}*"):
        old.unlink()
    # Begun and ended by hand: what is counted is written at each dump and set to nothing.
    gateway = Gateway(["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}", "--compress-pos=no"],
                      binary, kind, args, home)
    try:
        gateway.ask(WARM)
        dump(gateway)
        gateway.ask(args.requests)
        dump(gateway)
    finally:
        gateway.close()
    return Counted(Path(f"{out}.2"))


def dump(gateway: Gateway) -> None:
    subprocess.run(["callgrind_control", "--dump", str(gateway.process.pid)], capture_output=True, check=True)


def system_calls(binary: str, kind: str, args: argparse.Namespace, home: Path) -> collections.Counter:
    """The difference between a run of some requests and one of more."""
    counts = []
    for times in (WARM, WARM + args.requests):
        out = home / f"strace.{kind}"
        gateway = Gateway(["strace", "-f", "-qq", "-c", "-U", "name,calls", "-o", str(out)], binary, kind, args, home)
        try:
            gateway.ask(times)
        finally:
            gateway.close()
        counted: collections.Counter = collections.Counter()
        for line in out.read_text().splitlines():
            if found := re.match(r"(\w+)\s+(\d+)$", line.strip()):
                counted[found[1]] += int(found[2])
        counted.pop("total", None)
        counts.append(counted)
    fewer, more = counts
    return collections.Counter({name: (count - fewer[name]) / args.requests for name, count in more.items()})


def begin(command: list, port: int, **options) -> subprocess.Popen:
    """Starts what listens at a port where nobody else does."""
    with socket.socket() as free:
        free.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        free.bind(("127.0.0.1", port))
    process = subprocess.Popen([str(word) for word in command], stdout=subprocess.DEVNULL, start_new_session=True,
                               **options)
    for _ in range(1200):
        if process.poll() is not None:
            sys.exit(f"{process.args[0]} ended with {process.returncode}")
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return process
        except OSError:
            time.sleep(0.05)
    sys.exit(f"nothing listens at port {port}")


def end(process: subprocess.Popen) -> None:
    if process.poll() is None:
        # The whole group: strace hands no signal on.
        os.killpg(process.pid, signal.SIGINT)
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


if __name__ == "__main__":
    main()
