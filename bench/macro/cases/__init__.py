"""Every case, by name, in the order they run."""

from __future__ import annotations

from bench.macro.cases.ablations import ABLATIONS
from bench.macro.cases.base import Case
from bench.macro.cases.chat import CHAT
from bench.macro.cases.events import EVENTS_CASE
from bench.macro.cases.half_load import HALF_LOAD, HALF_LOAD_BURSTS
from bench.macro.cases.inference import INFERENCE, INFERENCE_STREAMS
from bench.macro.cases.lifetime import GROWTH, IDLE_CASE, START
from bench.macro.cases.requests import (
    BODY_DOWN,
    BODY_UP,
    CLOSE,
    CONNECTIONS,
    ENDPOINTS,
    POST_1K,
    POST_32K,
    ROUTES,
    SMALL_GET,
    TLS,
)

_ALL = (
    SMALL_GET,
    POST_1K,
    POST_32K,
    BODY_UP,
    BODY_DOWN,
    EVENTS_CASE,
    HALF_LOAD,
    HALF_LOAD_BURSTS,
    ROUTES,
    ENDPOINTS,
    CONNECTIONS,
    TLS,
    CLOSE,
    CHAT,
    INFERENCE,
    INFERENCE_STREAMS,
    IDLE_CASE,
    START,
    GROWTH,
    ABLATIONS,
)
CASES: dict[str, Case] = {case.name: case for case in _ALL}
