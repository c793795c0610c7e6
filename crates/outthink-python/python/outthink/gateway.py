"""Starts the gateway for a notebook or a script; the OpenAI SDK is its client."""

import os
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

from .cli import packaged_binary


def find_binary():
    """The path of the ``outthink`` command: ``OUTTHINK_BINARY``, the one in this package, or the one on the path."""
    named = os.environ.get("OUTTHINK_BINARY")
    if named:
        if os.path.isfile(named) and os.access(named, os.X_OK):
            return named
        raise FileNotFoundError(f"OUTTHINK_BINARY names {named}, which cannot be run")
    found = packaged_binary() or shutil.which("outthink")
    if not found:
        raise FileNotFoundError(
            "the outthink command is not in this package and not on the path: install a wheel that has it "
            "(`./x wheel` makes one), or build it with `cargo build --release` and name it in OUTTHINK_BINARY"
        )
    return found


class Gateway:
    """A running gateway. ``url`` is the base URL for the OpenAI SDK; it stops with ``stop()`` or a ``with`` block."""

    def __init__(self, process, url, log):
        self._process, self.url, self._log = process, url, log

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def __repr__(self):
        state = "running" if self._process.poll() is None else "stopped"
        return f"<Gateway {self.url} ({state})>"

    def stop(self, timeout=10.0):
        """Stops the gateway; it gets ``timeout`` seconds to finish, and is killed then."""
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(timeout)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._log.close()


def serve(*arguments, port=None, timeout=120.0):
    """Starts ``outthink serve`` with further arguments and waits until it answers.

    ``with outthink.serve("--upstream", "http://127.0.0.1:8000/v1") as gateway: OpenAI(base_url=gateway.url)``
    """
    if port is None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
    command = [find_binary(), "serve", "--host", "127.0.0.1", "--port", str(port), *map(str, arguments)]
    log = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)
    gateway = Gateway(process, f"http://127.0.0.1:{port}/v1", log)
    end = time.monotonic() + timeout
    try:
        while time.monotonic() < end:
            if process.poll() is not None:
                log.seek(0)
                raise RuntimeError(f"outthink serve ended with status {process.returncode}:\n{log.read()[-2000:]}")
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=1):
                    return gateway
            except (urllib.error.URLError, OSError):
                time.sleep(0.05)
        raise TimeoutError(f"outthink serve did not answer within {timeout} s: give a larger timeout")
    except BaseException:
        gateway.stop()
        raise
