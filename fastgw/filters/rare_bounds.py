"""What few requests say of how much they may have generated: keys that one API alone has, and bodies that ask several questions at once.

    /v1/completions   ``best_of``, of which ``n`` are told; ``n_predict`` of llama.cpp; a list of prompts, each of which is answered
    Ollama            ``options.num_predict``

Chats have none of them, and bodies of the others are read once more for it (``reservation``).
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from fastgw.errors import DownstreamError
from fastgw.filters.skimmed import document_of
from fastgw.policy.amounts import MOST
from fastgw.wire.json_skim import Skim
from fastgw.wire.json_value import ARRAY, JsonError

_BEST_OF: Final = b"best_of"
_PREDICT: Final = b"n_predict"
_PROMPT: Final = b"prompt"
_OPTIONS: Final = b"options"
_NUM_PREDICT: Final = "num_predict"
_VALUE_MAX: Final = 4096


class RareBounds(NamedTuple):
    """What they are."""

    tokens: int = -1  #: of one answer; -1: nothing is said
    best_of: int = 1  #: answers that are made for one prompt, at least
    prompts: int = 1


def rare_bounds(body: bytes, *, is_of_ollama: bool) -> RareBounds:
    """Those of ``body``, an object of JSON; of anything else none.

    Raises:
        DownstreamError: 400, one of them is no whole number, or a number too large for any.
    """
    keys = (_OPTIONS,) if is_of_ollama else (_BEST_OF, _PREDICT, _PROMPT)
    skim = Skim(keys, 0, _VALUE_MAX)
    try:
        skim.feed(body)
        skim.finish()
    except JsonError:
        return RareBounds()  # who has read it before has said so, or it is no JSON at all
    found = [None if one is None or one.raw is None else document_of(one.raw) for one in skim.found]
    if is_of_ollama:
        options = found[0]
        return RareBounds(_number(_NUM_PREDICT, options.get(_NUM_PREDICT) if isinstance(options, dict) else None))
    prompt = skim.found[2]
    prompts = 1
    if prompt is not None and prompt.kind == ARRAY:
        listed = document_of(body[prompt.start : prompt.stop])
        if listed and not isinstance(listed[0], int):  # else these are the tokens of one
            prompts = len(listed)
    return RareBounds(_number("n_predict", found[1]), max(1, _number("best_of", found[0])), prompts)


def _number(key: str, said: Any) -> int:
    """It; -1: nothing is said, or that there is no bound."""
    if said is None:
        return -1
    if isinstance(said, bool) or not isinstance(said, int | float) or said != said // 1:
        raise DownstreamError(400, "request_misfit", f"{key} must be a whole number")
    return min(int(said), MOST) if said >= 0 else -1
