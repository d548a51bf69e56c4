"""What can be seen in a block without reading its events."""

from __future__ import annotations

import pytest

from fastgw.wire._glance_py import glance, may_tell


@pytest.mark.parametrize(
    ("block", "seen"),
    [
        (b"data: x\n\ndata: y\n\n", (2, False, False)),
        (b": c\n\nevent: a\r\ndata: x\r\n\r\n", (1, False, False)),
        (b"data: x\n\ndata: [DONE]\n\n", (2, True, False)),
        (b'data: [DONE]\n\ndata: {"usage": {"a": 1}}\n\n', (2, False, True)),
        (b"data: x\r\rdata: y\r\r", (1, False, False)),
        (b"dat", (0, False, False)),
        (b"", (0, False, False)),
    ],
)
def test_lines_of_data_the_end_and_usage(block: bytes, seen: tuple[int, bool, bool]) -> None:
    for begin, data in ((0, block), (10, b"data: no\n\n" + block)):
        told = glance(data, begin)
        assert (told >> 2, bool(told & 2), bool(told & 1)) == seen


@pytest.mark.parametrize(
    ("data", "tells"),
    [
        (b'{"usage":{"prompt_tokens":1}}', True),
        (b'{"usage" : {"prompt_tokens":1}}', True),
        (b'{"usage":\r\n\t{"prompt_tokens":1}}', True),
        (b'{"usage":null}', False),
        (b'{"usage":null,"message":{"usage":{}}}', True),
        (b'{"content":"{\\"usage\\":{\\"prompt_tokens\\":1}}"}', False),
        (b'{"content":"my usage"}', False),
        (b'{"prompt_eval_count":1}', True),
        (b'"usage"', False),
        (b"", False),
    ],
)
def test_only_what_may_tell_is_read(data: bytes, tells: bool) -> None:
    assert may_tell(data, 0) is tells
    assert may_tell(b'"usage":{' + data, 9) is tells
