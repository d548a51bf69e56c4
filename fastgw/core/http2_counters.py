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
UPSTREAM_GOAWAYS = HTTP2.counter(
    "fastgw_http2_upstream_goaways",
    "Connections of which a service took leave (GOAWAY).",
    "As a rule it ends, or thinks the connection old.",
)
UPSTREAM_REFUSED = HTTP2.counter(
    "fastgw_http2_upstream_refused",
    "Requests of which a service said that it has not acted on them.",
    "They are sent again where all of them is here, or fail with [`stream_refused`](errors.md).",
)
UPSTREAM_DEAD = HTTP2.counter(
    "fastgw_http2_upstream_dead",
    "Connections that ended because the service did not answer PING.",
    "See [dead connections](http2.md#dead-connections).",
)
