"""The demo, once there is a Python in .venv: install, start, wait, print what to try, stop.  ``scripts/demo`` calls it."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
from pathlib import Path

from installing import install
from llm import LLM, LLM_TRIES, install_model
from processes import Failure, Stop, Stopped
from stack import ADMIN, EDGE, INSTALLED, Stack
from tries import TRIES, print_tries, run_tries


def read_arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="scripts/demo", description="Starts the gateway on 127.0.0.1:8080 with small real services behind it."
    )
    parser.add_argument("--check", action="store_true", help="run every printed line, say if it was right, and end")
    parser.add_argument(
        "--llm", action="store_true", help="with two copies of a language model (280 MB the first time)"
    )
    parser.add_argument("--shift", type=int, default=0, metavar="N", help="add N to every port")
    parser.add_argument(
        "--no-install", action="store_true", help="take what is in .venv and the fastgw of this checkout"
    )
    options = parser.parse_args()
    if not 0 <= options.shift <= 65535 - ADMIN:
        parser.error(f"--shift must be from 0 to {65535 - ADMIN}")
    return options


def demo(options: argparse.Namespace, logs: Path) -> int:
    """The whole life of the demo; its exit status.  Raises ``Failure`` or ``Stopped``."""
    gateway = (sys.executable, "-m", "fastgw") if options.no_install else INSTALLED
    if not options.no_install:
        install()
    if options.llm:
        install_model()
    scene, tries = (LLM, LLM_TRIES) if options.llm else (EDGE, TRIES)
    stack = Stack(logs, options.shift, gateway, None if options.check else sys.stdout.fileno(), scene)
    try:
        stack.start()
        if options.check:
            return 0 if run_tries(tries, options.shift) else 1
        print_tries(tries, options.shift)
        stack.watch()
    finally:
        stack.stop()
    return 0


def main() -> int:
    """The command; its exit status: 0, 1 with one sentence on stderr, or 130 when stopped before the gateway was up."""
    options = read_arguments()
    Stop.listen()
    logs = Path(tempfile.mkdtemp(prefix="fastgw-demo-"))
    try:
        status = demo(options, logs)
    except Failure as failure:
        print(f"demo: {failure}", file=sys.stderr)
        return 1
    except Stopped:
        return 130
    except BrokenPipeError:  # whoever read the output is gone, as in scripts/demo --check | head
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    shutil.rmtree(logs, ignore_errors=True)
    return status


if __name__ == "__main__":
    sys.exit(main())
