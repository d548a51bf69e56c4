"""What a route says of answers that are kept (``adapters.cache``, and beside models ``adapters.model_cache``)."""

from __future__ import annotations

from typing import NamedTuple


class CacheSettings(NamedTuple):
    """What of a route's answers is kept, in each worker; seconds and bytes."""

    methods: tuple[str, ...]  #: of "GET" and "POST"
    ttl: float  #: of a 200 that says nothing of its lifetime; 0: it is not kept
    shared: bool  #: whoever asks is given the same
    vary: tuple[str, ...]  #: more fields that are in the key, lower case
    max_bytes: int
    max_entries: int
    max_entry: int  #: of one answer's body
    max_variants: int  #: answers to one request
    max_body: int  #: of a request with a body
    wait: float  #: for the head of an answer that another has asked for
    max_waiting: int  #: who do so
    epoch: int  #: with another number nothing is kept any more
    temperature: str  #: of requests to models that make text: "zero", those without chance alone; "any"
