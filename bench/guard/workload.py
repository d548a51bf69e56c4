"""What is counted: exchanges on transports that cost nothing.  Run by ``count`` under callgrind.

    python -m bench.guard.workload MARKS COUNT

MARKS is the compiled ``marks.c``.  Imports, configuration and warm-up happen before the first mark: they are not counted, and
they are where chance is (directory names, the first request id).

``get``, ``post`` and ``events`` (ten of one stream) have no filters. ``fields`` is ``get`` with the credentials that the filters look
for, and none of these; then comes each filter alone, the access log also as ``combined`` and ``sampled``, and ``filters``, which has a
token, a key with a limit and the access log at once; of ``record`` each is one that is not taken. ``gate`` is ``get`` at a service with
``admission``, ``members`` at one of three endpoints, and ``policies`` at one of three that has all there is for services that fail.
``chat`` is a chat completion of 1 KB on a route to a service, and ``models`` one on a route that finds its model, which has another name
at the service; ``dialect`` is the same where the service says that it speaks what its clients speak. ``metered`` is ``chat`` and
``metered_events`` are ``events`` with the filter ``usage``, and ``inference`` is ``models`` with a key, a limit of its tokens, and that
filter. ``traces`` is ``get`` where no request is recorded but any could be, ``traced`` where each is.
"""

from __future__ import annotations

import base64
import contextlib
import ctypes
import gc
import hashlib
import hmac
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, Protocol

from bench.macro.corpus import build_requests
from bench.macro.scenario import route_table
from bench.micro.boards import empty_seat
from bench.micro.stage import ANSWER, COMPLETION, EVENT, STREAM_END, STREAM_HEAD, MembersStage, Stage
from fastgw.filters.key_file import ApiKey, KeyLimit, digest_of, dump_keys

Work = Callable[[int], None]

SLICES: Final = 5  #: how often each workload is counted in one run, with memory in other places

SECRET: Final = b"0123456789abcdef0123456789abcdef"
GATE: Final = {"limit": 1000, "queue": {"size": 100, "timeout": "1s"}}
MEMBERS: Final = {"endpoints": ["127.0.0.1:9000", "127.0.0.1:9001", "127.0.0.1:9002"]}
POLICIES: Final = {
    **MEMBERS,
    "admission": GATE,
    "balance": "peak_ewma",
    "breaker": {"minimum": 20, "failures": "50%", "slow": "50%", "slow_after": "800ms"},
    "health": {"path": "/health"},
    "retry": {"attempts": 2, "on": ["connect", "reset", "timeout", "5xx"]},
}
MODELS: Final = {"gpt-oss": {"service": "app", "as": "openai/gpt-oss-120b"}, "embed-*": {"service": "app"}}
SPOKEN: Final = {"dialect": "openai"}
PLAIN: Final = "/api/teams/t00001/chat"  #: a path of the usual routes
CHAT: Final = "/v1/chat/completions"
USAGE: Final = {"type": "usage", "models": ["m00002"]}
TOKENS: Final = {"type": "token_limit", "limits": [{"rate": "1000000000/m", "per": "key"}]}
KEY: Final = b"fgw_0123456789abcdefghijklmnopqrstuvwxyzABCDEFG"


def workloads(stage: Stage) -> dict[str, Work]:
    """By name: run it so many times."""
    posts = build_requests(route_table(20), count=50, method="POST", body_size=1024)

    def post(count: int) -> None:
        for turn in range(count):
            stage.ask(posts[turn % len(posts)], ANSWER)

    return {"get": stage.run, "post": post, "events": streaming(stage, stage.requests[0])}


def streaming(stage: Stage, request: bytes) -> Work:
    """Tens of events of one answer to ``request``."""

    def events(count: int) -> None:
        stage.ask(request, STREAM_HEAD)
        receive = stage.service.protocol.data_received
        for _ in range(10 * count):
            receive(EVENT)
        receive(STREAM_END)

    return events


def completion(path: str, size: int, fields: str = "") -> bytes:
    """A chat completion of ``size`` bytes of body, nearly, as the SDK of OpenAI sends it; ``fields``: lines of its head in addition."""
    prompt = "Which of these lines is the longest?\n" * (size // 38 - 5)
    messages = [{"role": "system", "content": "You are a helpful assistant."}, {"role": "user", "content": prompt}]
    body = json.dumps({"messages": messages, "model": "gpt-oss", "max_tokens": 256, "stream": False}).encode()
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nAccept: application/json\r\nContent-Type: application/json\r\n"
    fields += "Accept-Encoding: gzip, deflate\r\n"
    return f"{head}{fields}User-Agent: OpenAI/Python 3.54.0\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


def asking(stage: Stage, request: bytes) -> Work:
    """``request`` again and again, and a completion as its answer."""

    def work(count: int) -> None:
        for _ in range(count):
            stage.ask(request, COMPLETION)

    return work


def chats(stage: Stage, plain: str, size: int = 1024) -> dict[str, Work]:
    """Chat completions on a route to a service, whose path is ``plain``, and on one that finds their model."""
    return {
        "chat": asking(stage, completion(plain, size)),
        "models": asking(stage, completion(CHAT, size)),
    }


@contextlib.contextmanager
def metered(size: int = 1024) -> Iterator[dict[str, Work]]:
    """The same past ``usage``: on a route to a service, of a stream, and, with a key, all that a model server wants of a gateway."""
    with TemporaryDirectory() as name, empty_seat() as seat, contextlib.ExitStack() as stack:
        keys = _key_file(Path(name))
        filters = {"keys": {"type": "api_key", "file": keys}, "limits": TOKENS, "usage": USAGE}
        credentials = b"Authorization: Bearer %b\r\n" % KEY
        stage = Stage(filters={"usage": USAGE})
        keyed = Stage(models=MODELS, filters=filters, fields=credentials, seat=seat)
        stack.callback(stage.leave)
        stack.callback(keyed.leave)
        yield _metered(stage, keyed, size)


def _metered(stage: Stage, keyed: Stage, size: int) -> dict[str, Work]:
    return {
        "metered": asking(stage, completion(PLAIN, size)),
        "metered_events": streaming(stage, completion(PLAIN, size)),
        "inference": asking(keyed, completion(CHAT, size, f"Authorization: Bearer {KEY.decode()}\r\n")),
    }


def _signed(claims: bytes) -> bytes:
    """A token with an HMAC of SHA-256 (RFC 7515 appendix A.1)."""
    parts = [base64.urlsafe_b64encode(part).rstrip(b"=") for part in (b'{"alg":"HS256","typ":"JWT"}', claims)]
    signature = hmac.digest(SECRET, b".".join(parts), hashlib.sha256)
    return b".".join((*parts, base64.urlsafe_b64encode(signature).rstrip(b"=")))


def _key_file(directory: Path, *limits: KeyLimit) -> str:
    """The path of a file with one key, which has these limits of requests."""
    keys = directory / "keys.json"
    keys.write_bytes(dump_keys([ApiKey("ann", digest_of(KEY), limits=limits)]))
    keys.chmod(0o600)
    return str(keys)


def _filters(directory: Path) -> dict[str, Mapping[str, Any]]:
    """Each filter that is counted, by its name and type."""
    keys = _key_file(directory, KeyLimit("1000000/s", 1_000_000))
    return {
        "access_log": {"path": str(directory / "access.log")},
        "combined": {"path": str(directory / "combined.log"), "format": "combined"},
        "sampled": {"path": str(directory / "sampled.log"), "sample": "1%"},
        "jwt": {"keys": [{"secret": SECRET.decode()}], "algorithms": "HS256", "issuer": "i", "audience": "a"},
        "api_key": {"file": keys, "key_from": ["header:x-api-key"]},
        "record": {"path": str(directory / "record.log"), "sample": "0.0001%"},
        "rate_limit": {"limits": [{"rate": "1000000/s", "per": "address"}]},
    }


@contextlib.contextmanager
def filtered() -> Iterator[dict[str, Work]]:
    """The workloads of filters, by name."""
    token = _signed(b'{"iss":"i","aud":"a","sub":"ann","exp":4102444800}')
    fields = b"Authorization: Bearer %b\r\nX-API-Key: %b\r\n" % (token, KEY)
    with TemporaryDirectory() as name, empty_seat() as seat, contextlib.ExitStack() as stack:
        types = dict.fromkeys(("combined", "sampled"), "access_log")
        options = {one: {"type": types.get(one, one), **said} for one, said in _filters(Path(name)).items()}
        chains: dict[str, Sequence[str]] = {"fields": (), **{one: (one,) for one in options}}
        chains["filters"] = ("access_log", "jwt", "api_key")
        stages = {
            chain: Stage(filters={one: options[one] for one in names}, fields=fields, seat=seat)
            for chain, names in chains.items()
        }
        stages["gate"] = Stage(service={"admission": GATE}, seat=seat)
        stages["members"] = MembersStage(service=MEMBERS, seat=seat)
        stages["policies"] = MembersStage(service=POLICIES, seat=seat)
        for one, sample in (("traces", "0%"), ("traced", "100%")):
            stages[one] = Stage(telemetry={"traces": {"sample": sample}})
        for stage in stages.values():
            stack.callback(stage.leave)
        yield {chain: stage.run for chain, stage in stages.items()}


class Marks(Protocol):
    """What ``marks.c`` has."""

    def begin(self) -> object:
        """A workload begins; nothing is counted yet."""

    def toggle(self) -> object:
        """Count from now on, or no longer."""

    def end(self, name: bytes) -> object:
        """The workload ends: what was counted is that of ``name``."""


def run(works: Mapping[str, Work], count: int, marks: Marks) -> None:
    """Each workload ``SLICES`` times, which are counted as one, and once without counting before.

    Objects that come and go at the edge of a pool of CPython's allocator have it take up and give back that pool each time, which is a
    twentieth of a small workload; where the edges are depends on all that was made before, the length of a path included.  So between
    slices they are moved: chance has a small part in the sum then, and not all or nothing.
    """
    for name, work in works.items():
        work(count)
        moved: list[bytes] = []
        gc.collect()
        gc.freeze()  # or each collection would look at all there is again, fifty times as slowly as without valgrind
        marks.begin()
        for turn in range(SLICES):
            moved += [bytes(size) for size in range(1, 480, 16) for _ in range(turn)]
            gc.collect()
            marks.toggle()
            work(count)
            marks.toggle()
        marks.end(name.encode())
        gc.unfreeze()


def main(argv: Sequence[str]) -> None:
    """Load the marks and run."""
    marks = ctypes.CDLL(argv[0])
    marks.end.argtypes = [ctypes.c_char_p]
    gc.disable()
    with filtered() as filters, metered() as usage:
        works = {**filters, **usage}
        works |= chats(Stage(models=MODELS), PLAIN)
        works["dialect"] = chats(Stage(models=MODELS, service=SPOKEN), PLAIN)["models"]
        run(workloads(Stage()) | works, int(argv[1]), marks)


if __name__ == "__main__":
    main(sys.argv[1:])
