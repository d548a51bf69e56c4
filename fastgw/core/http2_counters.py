"""Rows of the table of counters (``core.counters``) that are of HTTP/2, and that hardly any connection has a part in."""

from __future__ import annotations

from fastgw.core.counters import HTTP2

FLOODS = HTTP2.counter(
    "fastgw_http2_floods",
    "Connections of clients that were ended with `ENHANCE_YOUR_CALM`.",
    "Many are an attack. See [HTTP/2](http2.md#what-is-bounded).",
)
TARPIT_CUT = HTTP2.counter(
    "fastgw_http2_tarpit_cut",
    "Connections of those that were closed before their time in the tarpit was over, to make room.",
    "Those of an attack are more than the tarpit takes.",
)
