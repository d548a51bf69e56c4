"""A large configuration on its way from the supervisor to its workers: what there is many of in pieces, each pickled by itself.

Pickling holds up a loop, and the interpreter, the longer the more is pickled.  A piece takes a millisecond, so the supervisor makes them in
a thread, between whose pieces its loop turns, once for all workers; and a worker reads them in slices.  The rest of a specification, and
what may change from one worker to the next, is in the message itself.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Final

from fastgw.config.spec import GatewaySpec
from fastgw.server.messages import Slots
from fastgw.steps import Steps

AT_ONCE: Final = 50  #: routes, services or slots in a piece


def cut(spec: GatewaySpec, slots: Slots) -> tuple[bytes, ...]:
    """The routes and services of ``spec``, and ``slots``."""
    many: tuple[Sequence[Any] | Mapping[Any, int], ...] = (spec.routes, spec.services, *slots)
    return tuple(piece for place, one in enumerate(many) for piece in _cut(place, one))


def bare(spec: GatewaySpec) -> GatewaySpec:
    """What no piece has, and a worker needs: where the gateway is registered, with which password, is none of its business."""
    return spec._replace(routes=(), services=(), registration=None)


def joined(spec: GatewaySpec, pieces: tuple[bytes, ...]) -> Steps[tuple[GatewaySpec, Slots]]:
    """The whole again, of a bare ``spec`` and its pieces."""
    found: list[list[Any]] = [[] for _ in range(2 + len(Slots._fields))]
    for piece in pieces:
        yield
        place, part = pickle.loads(piece)  # nosec B301 - of a message of our own supervisor, as the message itself
        found[place].extend(part)
    routes, services, *slots = found
    return spec._replace(routes=tuple(routes), services=tuple(services)), Slots(*map(dict, slots))


def _cut(place: int, many: Sequence[Any] | Mapping[Any, int]) -> Iterator[bytes]:
    rest = iter(many.items() if isinstance(many, Mapping) else many)
    while part := list(islice(rest, AT_ONCE)):
        yield pickle.dumps((place, part), pickle.HIGHEST_PROTOCOL)
