"""Coverage-guided: an event stream in pieces, and the usage that is looked for in it.

Run by `tests/fuzz/test_targets.py`, or by hand with the options of libFuzzer:
`FASTGW_PURE=1 python tests/fuzz/fuzz_sse.py [OPTIONS] [CORPUS]...`
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
    from tests.fuzz.stage import pieces_of
    from tests.support.events import dispatched, read


def test_one(data: bytes) -> None:
    """A checksum says where the bytes are cut: the events must be those of the standard, and every byte go on."""
    pieces = pieces_of(data, crc32(data) % (2 * len(data))) if data else []
    assert read(pieces) == (dispatched(data), data)


if __name__ == "__main__":
    atheris.Setup(sys.argv, test_one)
    atheris.Fuzz()
