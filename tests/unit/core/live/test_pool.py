"""The interface of a pool: nothing is done by doing nothing."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from fastgw.core.http1.pool import Http1Pool
from fastgw.core.live.pool import Pool
from fastgw.errors import UpstreamError
from fastgw.testing import usual

VERBS: dict[str, Callable[[Pool], object]] = {
    "acquire": lambda pool: pool.acquire(None),
    "cancel": lambda pool: pool.cancel(None),
    "on_request_done": lambda pool: pool.on_request_done(None),
    "end_upload": lambda pool: pool.end_upload(None),
    "check_line": lambda pool: pool.check_line(),
    "pressing": lambda pool: pool.pressing,
    "put_back": lambda pool: pool.put_back(None),
    "on_closed": lambda pool: pool.on_closed(None),
    "sweep": lambda pool: pool.sweep(0.0),
    "warm_up": lambda pool: pool.warm_up(),
    "apply": lambda pool: pool.apply(None),
    "open_one": lambda pool: pool.open_one(),
    "turn_away": lambda pool: pool.turn_away(UpstreamError(502, "connect_refused", "refused")),
    "hand_over": lambda pool: pool.hand_over(),
    "drop_idle": lambda pool: pool.drop_idle(),
    "retire": lambda pool: pool.retire(),
    "close": lambda pool: pool.close(),
}


@pytest.mark.parametrize("verb", VERBS)
def test_a_pool_must_do_it_itself(verb: str) -> None:
    with pytest.raises(NotImplementedError):
        VERBS[verb](Pool(usual.pool()))


def test_the_pool_of_http_1_does_all_of_it() -> None:
    assert not [verb for verb in VERBS if verb not in vars(Http1Pool)]
