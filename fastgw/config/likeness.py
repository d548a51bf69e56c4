"""What is meant by a word that nobody knows: one that is written nearly so, or the name that other programs have for it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Final

#: What nginx, HAProxy, Envoy, Caddy and Traefik call the keys of this file.
_ELSEWHERE: Final = {
    **dict.fromkeys(("bind", "listen", "frontends", "servers", "entrypoints"), ("listeners", "address", "endpoints")),
    **dict.fromkeys(("upstream", "backend", "cluster", "proxy_pass"), ("services", "service")),
    **dict.fromkeys(("upstreams", "backends", "clusters"), ("services",)),
    **dict.fromkeys(("hosts", "targets", "members", "addresses"), ("endpoints",)),
    **dict.fromkeys(("host", "port", "url"), ("address", "endpoints")),
    **dict.fromkeys(("location", "prefix", "uri", "match"), ("path",)),
    **dict.fromkeys(("locations", "rules"), ("routes",)),
    **dict.fromkeys(("ssl", "certificate"), ("tls", "cert")),
    **dict.fromkeys(("domain", "server_name"), ("host",)),
    **dict.fromkeys(("middlewares", "plugins"), ("filters",)),
}


def nearest_word(word: str, known: Iterable[str]) -> str:
    """The known word most like ``word``, or "" when none is."""
    names = list(known)
    if len(word) > 200:
        return ""
    folded = {name.lower().replace("-", "_"): name for name in names}
    same = folded.get(word.lower().replace("-", "_"))
    found = [same] if same is not None else difflib.get_close_matches(word, names, 1, 0.6)
    return found[0] if found else ""


def meant_key(word: str, known: Iterable[str]) -> str:
    """The key that is meant by an unknown one: the one most like it, or what other programs call so; "" when none is."""
    names = list(known)
    return nearest_word(word, names) or next((name for name in _ELSEWHERE.get(word.lower(), ()) if name in names), "")


def nearest(word: str, known: Iterable[str]) -> str:
    """``; did you mean 'x'?`` for the known word most like ``word``, or nothing when none is."""
    found = nearest_word(word, known)
    return f"; did you mean {found!r}?" if found else ""
