"""Coverage-guided: documents for the skim of JSON, whole and at every split, against `orjson`.

Run by `tests/fuzz/test_targets.py`, or by hand with the options of libFuzzer:
`FASTGW_PURE=1 python tests/fuzz/fuzz_json.py [OPTIONS] [CORPUS]...`
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
    from tests.unit.wire.documents import FORMS, judge, outcome


def test_one(data: bytes) -> None:
    """Whole, by the byte, and cut at a place that a checksum chooses: the same outcome, and `orjson` agrees with it."""
    told = outcome(FORMS[0], [data])
    judge(data, told)
    cut = crc32(data) % (len(data) + 1)
    assert outcome(FORMS[0], [data[:cut], data[cut:]]) == told, (told, cut)
    assert outcome(FORMS[0], [data[at : at + 1] for at in range(len(data))]) == told, told


if __name__ == "__main__":
    atheris.Setup(sys.argv, test_one)
    atheris.Fuzz()
