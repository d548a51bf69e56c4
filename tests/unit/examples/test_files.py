"""examples/services/files.py: known bytes down, a digest of the bytes up."""

from __future__ import annotations

import hashlib
import json
from email.message import Message
from io import BytesIO

import files
import pytest
from _http import BLOCK, Body, Call, Problem


def call(method: str, path: str, body: bytes = b"") -> Call:
    headers = Message()
    headers["content-length"] = str(len(body))
    return Call(method, path, {}, headers, Body(BytesIO(body), headers, None))


@pytest.mark.parametrize("size", [0, 1, 7, 8, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK + 5])
def test_a_download_has_its_size_and_its_digest(size: int) -> None:
    answer = files.download(call("GET", f"/download/{size}"))
    data = b"".join([answer.body] if isinstance(answer.body, bytes) else answer.body)
    assert answer.length == len(data) == size
    assert hashlib.sha256(data).hexdigest() == files.digest(size)


def test_no_two_blocks_are_the_same() -> None:
    assert len(set(files.content(50 * BLOCK))) == 50


def test_an_upload_is_counted_and_hashed() -> None:
    data = b"".join(files.content(200_000))
    result = files.upload(call("PUT", "/upload", data)).body
    assert isinstance(result, bytes)
    assert json.loads(result) == {"length": 200_000, "sha256": files.digest(200_000)}


@pytest.mark.parametrize("size", ["", "x", "-1", "1.5", "²", str(files.MOST + 1), "9" * 30])
def test_a_size_out_of_range_is_refused(size: str) -> None:
    with pytest.raises(Problem) as caught:
        files.download(call("GET", f"/download/{size}"))
    assert caught.value.status == 400
