"""What can be seen in a block of events (``wire.sse``) without reading one, and in an answer: in Python."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from fastgw.wire.usage import TokenCounts

_KEY: Final = b'"usage"'
_COUNT: Final = b"eval_count"
_SPACE: Final = b" \t\r\n:"


def glance(block: bytes, begin: int) -> int:
    """Of ``block`` from ``begin`` on: how many lines of data it has, four times; 2 more if it ends with ``[DONE]``, the end of streams of
    OpenAI; 1 more if it ``may_tell``.  Lines end with LF here, or CR LF: of one that ends them with CR alone there are none.
    """
    count = block.count(b"\ndata:", begin) + block.startswith(b"data:", begin)
    is_done = block.find(b"[DONE]", max(begin, len(block) - 16)) >= 0
    return count << 2 | is_done << 1 | may_tell(block, begin)


def may_tell(block: bytes, begin: int) -> bool:
    """Whether there is an object of usage in ``block`` from ``begin`` on, or a count of Ollama; ``null``, which streams have, is none.

    In text that was generated the quotes of such a key are escaped, so it is not found there."""
    at = block.find(_KEY, begin)
    while at >= 0:
        at += len(_KEY)
        if block[at:].lstrip(_SPACE)[:1] == b"{":
            return True
        at = block.find(_KEY, at)
    return block.find(_COUNT, begin) >= 0


def tell_used(told: TokenCounts, answer: bytes) -> bool:
    """Have ``told`` take what ``answer``, which is JSON, tells of its tokens; False: it has to be read (``TokenCounts.learn``).

    To be read has what has escapes in a key or in the name of the model, thinking_tokens, or usage in another object.  Whether what is
    passed over is JSON is not looked at, but for where it ends.

    In Python nothing is faster than to read it.
    """
    return False


def tell_begun(told: TokenCounts, event: bytes) -> int:
    """Have ``told`` take the model that ``event``, JSON of one of a stream, names; bytes of what was generated that it brings, as
    ``usage.content_size`` counts them; -1: it has to be read.

    To be read has what is no event of the chat of OpenAI, tells of tokens, or brings more than strings without escapes.
    """
    return -1
