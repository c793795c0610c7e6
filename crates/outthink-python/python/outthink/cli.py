"""The ``outthink`` command: the program that the wheel carries, in place of this process."""

import os
import subprocess
import sys

_NAME = "outthink.exe" if os.name == "nt" else "outthink"


def packaged_binary():
    """The path of the program within this package, or ``None`` where it was built without one."""
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "bin", _NAME)
    return path if os.path.isfile(path) and os.access(path, os.X_OK) else None


def main():
    """Runs the program with this process's arguments."""
    binary = packaged_binary()
    if binary is None:
        sys.exit(
            "error: this package was built without the outthink command\n"
            "  hint: install a wheel of a release, or build one with `./x wheel` in the repository"
        )
    command = [binary, *sys.argv[1:]]
    if os.name == "nt":
        sys.exit(subprocess.call(command))
    os.execv(binary, command)
