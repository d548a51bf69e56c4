"""``python -m bench``: the macro benchmark's command line."""

from __future__ import annotations

import sys

from bench.macro.cli import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
