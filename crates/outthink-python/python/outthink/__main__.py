"""``python -m outthink`` is the ``outthink`` command."""

from .cli import main

main()
