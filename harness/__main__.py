"""``python -m harness`` is ``qhpc``."""

from .cli import main

main()
