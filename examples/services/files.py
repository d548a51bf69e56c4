"""Large bodies, both ways: ``GET /download/BYTES`` and ``PUT`` or ``POST /upload``.

The download is the same for everyone and differs at every block, so that a lost, doubled or swapped block changes its
digest: block ``i`` is 64 KiB of fixed noise that starts with ``i`` as 8 bytes.  The upload is never kept: it is hashed
as it arrives.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator

from _http import BLOCK, Answer, Call, arguments, json_answer, run, whole

MOST = 16 * 1024**3  #: bytes in one transfer
NOISE = random.Random(2718).randbytes(BLOCK - 8)


def content(size: int) -> Iterator[bytes]:
    """The bytes of a download of ``size`` bytes, block by block."""
    for index in range(size // BLOCK):
        yield index.to_bytes(8, "big") + NOISE
    if size % BLOCK:
        yield ((size // BLOCK).to_bytes(8, "big") + NOISE)[: size % BLOCK]


def digest(size: int) -> str:
    """The SHA-256 of a download of ``size`` bytes, in hexadecimal."""
    total = hashlib.sha256()
    for block in content(size):
        total.update(block)
    return total.hexdigest()


def download(call: Call) -> Answer:
    """``BYTES`` bytes of known content."""
    size = whole(call.path.removeprefix("/download/"), "the size", 0, MOST)
    return Answer(content(size), "application/octet-stream", length=size)


def upload(call: Call) -> Answer:
    """The length and the SHA-256 of what was sent."""
    total, length = hashlib.sha256(), 0
    for block in call.body.blocks(MOST):
        total.update(block)
        length += len(block)
    return json_answer({"length": length, "sha256": total.hexdigest()})


def main() -> None:
    """The command line."""
    options = arguments("files", "Downloads and uploads of any size.").parse_args()
    run("files", options, {("GET", "/download/"): download, ("PUT", "/upload"): upload, ("POST", "/upload"): upload})


if __name__ == "__main__":
    main()
