"""Coverage-guided: frames of HTTP/2 from a client, to a whole data plane.

Run by `tests/fuzz/test_targets.py`, or by hand with the options of libFuzzer:
`FASTGW_PURE=1 python tests/fuzz/fuzz_http2.py [OPTIONS] [CORPUS]...`
"""

from __future__ import annotations

import sys
from pathlib import Path
from zlib import crc32

import atheris  # type: ignore[import-untyped,import-not-found,unused-ignore]

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import fastgw  # its own import hook has to be in place: the one of atheris uses those that come after

assert fastgw.__version__

with atheris.instrument_imports(include=["fastgw"]):
    from tests.fuzz.http2_differential import BEGINNING, compare, stage

STAGE = stage()


def test_one(data: bytes) -> None:
    """Whole, and cut at a place that a checksum chooses: no exception, nothing left over, and h2 agrees with it."""
    whole = data if data.startswith(BEGINNING[:24]) else BEGINNING + data
    for cuts in ((), (crc32(data) % len(whole),)):
        wrong = compare(STAGE, whole, cuts)
        assert not wrong, wrong


if __name__ == "__main__":
    atheris.Setup(sys.argv, test_one)
    atheris.Fuzz()
