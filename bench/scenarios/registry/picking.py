"""What is counted by ``bench.scenarios.picks``: picks of one of few members and of one of many.  Run under callgrind.

    python -m bench.scenarios.registry.picking MARKS COUNT

MARKS is the compiled ``bench/guard/marks.c``.  Balancers are made as a worker makes them, and members are its own, at rest.  As many are
picked as there are members, so that what a balancer reads again from time to time is in it.  ``again`` is a pick, and
one more because that member has failed the request.
"""

from __future__ import annotations

import ctypes
import gc
import itertools
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from fastgw.config.choosing import chosen
from fastgw.config.load import load
from fastgw.core.live.endpoint import EndpointKey
from fastgw.core.live.members import Members
from fastgw.core.settings import Address
from fastgw.policy.again import MANY as MANY_READY
from fastgw.policy.again import another
from fastgw.testing import usual
from fastgw.testing.edge import Edge

FEW, MANY = 5, 5000
AGAIN = 626
"""Of those two picks: as many as a bound of what is in hand is good for, among the many."""
SERVICES = {
    "round_robin": "balance: round_robin",
    "least_request": "balance: least_request",
    "random": "balance: random",
    "peak_ewma": "balance: peak_ewma",
    "consistent_hash": 'balance: consistent_hash, hash: {key: "${header.x-user}"}',
    "bounded_hash": 'balance: consistent_hash, hash: {key: "${header.x-user}", max_load: 1.25}',
    "maglev": 'balance: maglev, hash: {key: "${header.x-user}"}',
    "bounded_maglev": 'balance: maglev, hash: {key: "${header.x-user}", max_load: 1.25}',
}
"""What a service says of them, by the name of what is counted."""
HEAD = 'listeners: [{name: edge, address: "127.0.0.1:8080"}]\nroutes: [{path: "/*", service: random}]\nservices:\n'
KEYS = tuple(b"user-%d" % number for number in range(61))

Pick = Callable[[tuple[Any, ...]], Any]


def picks(members: Members) -> Iterator[tuple[str, Any, bool]]:
    """Each balancer: its name, how it picks, and whether that may be told whom to pass over."""
    text = HEAD + "".join(f'  {name}: {{endpoints: ["127.0.0.1:9"], {one}}}\n' for name, one in SERVICES.items())
    with TemporaryDirectory() as folder:
        path = Path(folder) / "fastgw.yaml"
        path.write_text(text)
        spec = load(path, {})
    for service in spec.services:
        random = itertools.cycle((0.1, 0.6, 0.9, 0.4, 0.23, 0.71, 0.05)).__next__  # of C, as that of a worker
        balancer = chosen(service, members, random)["balancer"]
        if service.hash is not None:
            yield service.name, _by_key(balancer), True
        else:
            yield service.name, balancer.pick, False


def _by_key(balancer: Any) -> Callable[..., Any]:
    key = itertools.cycle(KEYS).__next__
    pick_by = balancer.pick_by
    return lambda candidates, but=(): pick_by(candidates, key(), but)


def _again(members: Members, pick: Any, is_by_key: bool) -> Pick:
    """As ``core.exchange.tries`` asks another member than the one that was picked, and then one for the next request."""

    def both(ready: tuple[Any, ...]) -> Any:
        tried = (pick(ready),)
        if len(ready) < MANY_READY:
            return pick(members.untried(tried))
        return another(ready, tried, (lambda some: pick(some, tried)) if is_by_key else pick)

    return both


def members_of(edge: Edge, count: int, *, is_even: bool) -> Members:
    """So many members of a service, which are at rest."""
    found = edge.plane.registry.members(f"{count}-{is_even}")
    roster = []
    for number in range(count):
        key = EndpointKey(
            "s", Address(f"10.{is_even:d}.{number // 250}.{number % 250 + 1}", 9000 + count % 2), slot=number
        )
        roster.append((key, usual.settings(weight=1 if is_even else 1 + number % 5)))
    edge.plane.registry.update(found, tuple(roster), None)
    return found


def main(library: str, count: int) -> None:
    """Count all of them."""
    marks = ctypes.CDLL(library)
    edge = Edge()
    gc.disable()
    for size, is_even in itertools.product((FEW, MANY), (True, False)):
        members = members_of(edge, size, is_even=is_even)
        ready = members.ready
        for name, pick, is_by_key in picks(members):
            word = f"{name}{'' if is_even else '.weights'}:{size}"
            _count(marks, word, pick, itertools.repeat(ready, count))
            if is_even:
                _count(
                    marks, f"{name}.again:{size}", _again(members, pick, is_by_key), itertools.repeat(ready, 1 + AGAIN)
                )
    edge.end()


def _count(marks: ctypes.CDLL, word: str, pick: Pick, among: Iterator[tuple[Any, ...]]) -> None:
    first = next(among)
    pick(first)
    marks.begin()
    for candidates in among:
        pick(candidates)
    marks.end(word.encode())


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
