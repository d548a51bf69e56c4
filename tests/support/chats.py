"""Chats of many applications over some time, and engines that keep what they have computed of them: what placement is measured with."""

from __future__ import annotations

import heapq
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, NamedTuple
from zlib import crc32


class Turn(NamedTuple):
    """One request."""

    at: float  #: seconds
    numbers: tuple[int, ...]  #: of its beginning, as ``wire.prompt`` has them
    prompt: tuple[Any, ...]  #: blocks of all of it, each equal only to the same one behind the same others


@dataclass(eq=False)
class Member:
    """One engine, as a worker sees it: ``in_hand`` is what this worker has sent."""

    place: str
    weight: int = 1
    in_hand: int = 0


class Engine:
    """Keeps ``room`` blocks, those used last."""

    def __init__(self, room: int) -> None:
        self.room = room
        self.blocks: OrderedDict[Any, None] = OrderedDict()
        self.served = 0

    def serve(self, prompt: Sequence[Any]) -> int:
        """How many blocks of ``prompt`` are there already; now all are."""
        found = next((place for place, one in enumerate(prompt) if one not in self.blocks), len(prompt))
        for one in reversed(prompt):
            self.blocks[one] = None
            self.blocks.move_to_end(one)
        while len(self.blocks) > self.room:
            self.blocks.popitem(last=False)
        self.served += 1
        return found


def chats(random: Random, count: int, applications: int, opening: tuple[int, int], rate: float = 10.0) -> list[Turn]:
    """``count`` conversations of 1 to 8 turns, some 20 s apart, ``rate`` begun in a second; a fifth asks 1 to 3 times about one of 200
    documents of 12 blocks.  Applications are asked as often as Zipf says, and have an opening of so many blocks."""
    sizes = [random.randint(*opening) for _ in range(applications)]
    shares = [1 / (place + 1) for place in range(applications)]
    at, found = 0.0, []
    for chat in range(count):
        at += random.expovariate(rate)
        (one,) = random.choices(range(applications), shares)
        prompt: list[Any] = [("opening", one, place) for place in range(sizes[one])]
        numbers = [crc32(b"opening %d" % one)]
        turns = random.randint(1, 8)
        if random.random() < 0.2:
            document, turns = int(random.paretovariate(0.8)) % 200, random.randint(1, 3)
            prompt += [("document", one, document, place) for place in range(12)]
            numbers.append(crc32(b"document %d %d" % (one, document)))
        numbers.append(crc32(b"chat %d" % chat))
        then = at
        for turn in range(turns):
            prompt += [("chat", chat, turn, place) for place in range(random.randint(4, 12))]
            found.append(Turn(then, tuple(numbers), tuple(prompt)))
            then += 2 + random.expovariate(0.05)
    return sorted(found, key=lambda one: one.at)


Pick = Callable[[tuple[Member, ...], Turn], Member]


class Played(NamedTuple):
    """How it went."""

    hits: float  #: part of all blocks that were there
    busiest: float  #: requests of the engine that had most, in times the average
    in_hand: float  #: the same of those in hand, on average over time


def play(
    turns: Sequence[Turn], make: Callable[[Random, tuple[Member, ...]], Pick], *, engines: int, room: int, workers: int
) -> Played:
    """Have each of ``workers``, which know of nobody else, place the turns that come to it; ``make``: what one picks with."""
    random = Random(3)
    there = [Engine(room) for _ in range(engines)]
    known = [tuple(Member(f"10.0.0.{place}:8000") for place in range(engines)) for _ in range(workers)]
    picks = [make(Random(worker), members) for worker, members in enumerate(known)]
    ends: list[tuple[float, int, int]] = []
    in_hand, hits, total, loads = [0] * engines, 0, 0, []
    for turn in turns:
        while ends and ends[0][0] <= turn.at:
            _, worker, engine = heapq.heappop(ends)
            known[worker][engine].in_hand -= 1
            in_hand[engine] -= 1
        worker = random.randrange(workers)
        engine = known[worker].index(picks[worker](known[worker], turn))
        found = there[engine].serve(turn.prompt)
        hits, total = hits + found, total + len(turn.prompt)
        known[worker][engine].in_hand += 1
        in_hand[engine] += 1
        seconds = (0.5 + (len(turn.prompt) - found) / 15) * random.uniform(0.7, 1.3)
        heapq.heappush(ends, (turn.at + seconds, worker, engine))
        if sum(in_hand) > engines:
            loads.append(max(in_hand) * engines / sum(in_hand))
    served = [one.served for one in there]
    return Played(hits / total, max(served) * engines / sum(served), sum(loads) / max(1, len(loads)))


def best(turns: Sequence[Turn], room: int) -> float:
    """The part of all blocks that would be there if all engines were one, of ``room`` blocks in all."""
    engine = Engine(room)
    return sum(engine.serve(one.prompt) for one in turns) / sum(len(one.prompt) for one in turns)
