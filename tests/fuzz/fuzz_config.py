"""Coverage-guided: the text of a configuration file, to the loader.

Run by `tests/fuzz/test_targets.py`, or by hand with the options of libFuzzer:
`FASTGW_PURE=1 python tests/fuzz/fuzz_config.py [OPTIONS] [CORPUS]...`
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import atheris  # type: ignore[import-untyped,import-not-found,unused-ignore]

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import fastgw  # its own import hook has to be in place: the one of atheris uses those that come after

assert fastgw.__version__

with atheris.instrument_imports(include=["fastgw"]):
    from fastgw.config.load import load
    from fastgw.errors import ConfigError

FILE = Path(tempfile.mkdtemp(prefix="fuzz-config-")) / "gateway.yaml"
ENVIRON = {"NAME": "value", "EMPTY": "", "PORT": "8080", "NEST": "${NAME}", "LONG": "x" * 5000}


def test_one(data: bytes) -> None:
    """Anything but a specification or a `ConfigError` that names its problems is a bug."""
    FILE.write_bytes(data)
    problems = [str(FILE)]
    try:
        load(FILE, ENVIRON)
    except ConfigError as error:
        problems = error.problems
    assert problems
    assert all(problem.startswith(str(FILE)) for problem in problems), problems


if __name__ == "__main__":
    atheris.Setup(sys.argv, test_one)
    atheris.Fuzz()
