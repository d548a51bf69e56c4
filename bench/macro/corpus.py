"""The requests of the load: varied on purpose, the same in every run.

Written to a file once per load and read by ``lua/replay.lua`` and ``native/steady.c``, so that the generator has nothing to
build while it runs and every gateway gets the same bytes.  No two heads are alike: a cache of whole heads cannot win.
"""

from __future__ import annotations

import base64
import json
import random
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.macro.scenario import CHAT_KEY, CHAT_MODEL, CHAT_PATH, CHAT_SERVICE_PORT, HOST, RoutePath

SEED = 20261121
IMAGE_FROM = 1 << 18  #: bytes of a chat that has an image
USER_AGENTS = (
    "OpenAI/Python 3.54.0",
    "OpenAI/JS 5.12.2",
    "anthropic-sdk-python/0.71.0",
    "python-httpx2/2.16.2",
    "aiohttp/3.14.5 Python/3.11",
    "Go-http-client/1.1",
    "curl/8.14.1",
    "okhttp/5.1.0",
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 14_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Safari/605.1.15",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:144.0) Gecko/20100101 Firefox/144.0",
    "edge-camera/4.2 (firmware 2026.09)",
)
ACCEPTS = ("*/*", "application/json", "application/json, text/plain;q=0.9, */*;q=0.1")
LANGUAGES = ("en-US,en;q=0.9", "de-DE,de;q=0.9,en;q=0.7", "ja;q=0.9,en;q=0.4", "fr-CH, fr;q=0.9, en;q=0.8")
WORDS = (
    "camera",
    "frame",
    "lane",
    "bread",
    "shelf",
    "price",
    "token",
    "stream",
    "model",
    "vector",
    "batch",
    "edge",
    "node",
)


def build_requests(
    routes: Sequence[RoutePath],
    *,
    count: int,
    method: str = "GET",
    body_size: int = 0,
    query: str = "",
    close: bool = False,
) -> list[bytes]:
    """``count`` whole requests, spread evenly over the routes.

    ``body_size`` is of the JSON body in bytes, give or take a few; ``query`` is appended to every target (the service reads it);
    ``close`` asks for the connection to be closed after each answer.
    """
    rng = random.Random(SEED)
    taken = [routes[n * len(routes) // count] for n in range(count)] if len(routes) > count else routes
    requests = [_request(rng, taken[n % len(taken)], method, body_size, query, close) for n in range(count)]
    rng.shuffle(requests)  # neighbours in the table are not neighbours in time
    return requests


def build_chats(count: int, body_size: int, *, lines: bool = False, stream: bool = False) -> list[bytes]:
    """``count`` requests to OpenAI's chat endpoint, with what Portkey and LiteLLM want to be told."""
    rng = random.Random(SEED)
    return [chat_request(rng, body_size, lines=lines, stream=stream) for _ in range(count)]


def chat_request(rng: random.Random, body_size: int, *, lines: bool = False, stream: bool = False) -> bytes:
    """One chat request; the conversation fills the body.  ``lines``: it has line breaks, and an image if it is large."""
    is_image = lines and body_size >= IMAGE_FROM
    text = json.loads(json_body(rng, 8192 if is_image else body_size - 40))["input"]
    prompt: Any = re.sub("((?:[^ ]+ ){7}[^ ]+) ", r"\1\n", text) if lines else text
    if is_image:
        image = base64.b64encode(rng.randbytes((body_size - 8500) * 3 // 4)).decode()
        part = {"type": "image_url", "image_url": {"url": f"data:image/jpeg;base64,{image}"}}
        prompt = [{"type": "text", "text": prompt}, part]
    message = {"role": "user", "content": prompt}
    document = {"model": CHAT_MODEL, "messages": [message], "user": f"{rng.getrandbits(48):012x}"}
    body = json.dumps(document | ({"stream": True} if stream else {})).encode()
    lines = (
        f"Host: {HOST}",
        f"User-Agent: {rng.choice(USER_AGENTS[:3])}",
        f"Authorization: Bearer {CHAT_KEY}",
        "x-portkey-provider: openai",
        f"x-portkey-custom-host: http://127.0.0.1:{CHAT_SERVICE_PORT}/v1",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
    )
    return (
        f"POST {CHAT_PATH} HTTP/1.1\r\n".encode() + "".join(f"{line}\r\n" for line in lines).encode() + b"\r\n" + body
    )


def write_corpus(path: Path, requests: Sequence[bytes]) -> None:
    """Length, line feed, bytes; again for each request."""
    with path.open("wb") as file:
        for request in requests:
            file.write(b"%d\n" % len(request))
            file.write(request)


def read_corpus(data: bytes) -> list[bytes]:
    """The inverse of ``write_corpus``."""
    requests, at = [], 0
    while at < len(data):
        line = data.index(b"\n", at)
        start, size = line + 1, int(data[at:line])
        requests.append(data[start : start + size])
        at = start + size
    return requests


def json_body(rng: random.Random, size: int) -> bytes:
    """A JSON document of about ``size`` bytes, as a client of a model sends."""
    content: list[str] = []
    room = size - 90
    while room > 0:
        word = rng.choice(WORDS)
        content.append(word)
        room -= len(word) + 1
    document = {"model": f"m{rng.randrange(100000):05d}", "stream": False, "user": f"{rng.getrandbits(48):012x}"}
    return json.dumps({**document, "input": " ".join(content)}).encode()


def _request(rng: random.Random, route: RoutePath, method: str, body_size: int, query: str, close: bool) -> bytes:
    target = route.path if route.exact else f"{route.path}items/{rng.randrange(10**6)}"
    parameters = [query] if query else []
    if rng.random() < 0.5:
        parameters.append(f"trace={rng.getrandbits(32):08x}")
    if parameters:
        target += "?" + "&".join(parameters)
    headers = [
        ("Host", HOST),
        ("User-Agent", rng.choice(USER_AGENTS)),
        ("Accept", rng.choice(ACCEPTS)),
        ("Cookie", f"session={rng.getrandbits(128):032x}; theme={rng.choice(('light', 'dark'))}"),
        ("X-Device-Id", f"{rng.getrandbits(64):016x}"),
    ]
    if rng.random() < 0.5:
        headers.append(("Accept-Language", rng.choice(LANGUAGES)))
    body = json_body(rng, body_size) if body_size else b""
    if body:
        headers += [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
    if close:
        headers.append(("Connection", "close"))
    lower = rng.random() < 0.25  # a quarter of the clients spell header names in small letters
    lines = "".join(f"{name.lower() if lower else name}: {value}\r\n" for name, value in headers)
    return f"{method} {target} HTTP/1.1\r\n{lines}\r\n".encode() + body
