"""Coverage-guided: bytes from a service, to a whole data plane.

Run by `tests/fuzz/test_targets.py`, or by hand with the options of libFuzzer:
`FASTGW_PURE=1 python tests/fuzz/fuzz_response.py [OPTIONS] [CORPUS]...`
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
    from tests.fuzz.differential import compare_answer
    from tests.fuzz.stage import GET, HEAD, HTTP10, POST, WEBSOCKET, Stage, pieces_of

STAGE = Stage()
REQUESTS = (GET, HEAD, HTTP10, POST, WEBSOCKET)


def test_one(data: bytes) -> None:
    """A checksum says which request is answered, whether the service closes behind it, and where the bytes are cut.

    The corpus can thus hold plain answers; no exception may escape, and h11 must read what the client got in the same way.
    """
    if not data:
        return
    chosen = crc32(data)
    request, is_ended = REQUESTS[chosen % len(REQUESTS)], bool(chosen & 1024)
    told = STAGE.answer(request, pieces_of(data, chosen % (2 * len(data))), then_close=is_ended)
    wrong = compare_answer(request, data, told, is_ended=is_ended)
    assert not wrong, wrong


if __name__ == "__main__":
    atheris.Setup(sys.argv, test_one)
    atheris.Fuzz()
