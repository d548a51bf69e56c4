"""Coverage-guided: bytes from a client, to a whole data plane.

Run by `tests/fuzz/test_targets.py`, or by hand with the options of libFuzzer:
`FASTGW_PURE=1 python tests/fuzz/fuzz_request.py [OPTIONS] [CORPUS]...`
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
    from tests.fuzz.differential import compare_requests
    from tests.fuzz.stage import Stage, pieces_of
    from tests.fuzz.test_split import asked

STAGE = Stage()


def test_one(data: bytes) -> None:
    """Whole, and cut at a place that a checksum chooses: the same outcome, no exception, and h11 agrees with it."""
    if not data:
        return
    told = STAGE.ask([data])
    wrong = compare_requests(data, told)
    assert not wrong, wrong
    cut = STAGE.ask(pieces_of(data, crc32(data) % len(data)))
    assert asked(cut) == asked(told), (asked(cut), asked(told))


if __name__ == "__main__":
    atheris.Setup(sys.argv, test_one)
    atheris.Fuzz()
