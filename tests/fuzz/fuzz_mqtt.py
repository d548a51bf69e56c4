"""Coverage-guided: packets of MQTT in pieces and in one, through scanner, readers and the tunnel of a client.

Run by `tests/fuzz/test_targets.py`, or by hand with the options of libFuzzer:
`FASTGW_PURE=1 python tests/fuzz/fuzz_mqtt.py [OPTIONS] [CORPUS]...`
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
    from tests.fuzz.mqtt_pieces import told_apart
    from tests.fuzz.stage import pieces_of


def test_one(data: bytes) -> None:
    """A checksum says where the bytes are cut, and which version they are."""
    cut = crc32(data)
    pieces = pieces_of(data, cut % (2 * len(data)), (cut >> 16) % (2 * len(data))) if data else []
    wrong = told_apart(pieces, 4 + (cut >> 8) % 2)
    assert not wrong, wrong


if __name__ == "__main__":
    atheris.Setup(sys.argv, test_one)
    atheris.Fuzz()
