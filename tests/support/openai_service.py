"""A small service that speaks enough of the OpenAI API for the unmodified ``openai`` package: an UpstreamServer script.

It computes its answers from the question, so a test can tell that both came through whole:
chat repeats the last message word by word, an embedding is the counts of letters, and ``model: missing`` is an error.
"""

from __future__ import annotations

import base64
import json
import struct
from typing import Any

from tests.support.upstream import Connection, Received, chunk, response

MODELS = ("echo-1", "letters-1")


def openai_api(request: Received, connection: Connection) -> None:
    """Answer one request of the API."""
    question = json.loads(request.body) if request.body else {}
    if request.header(b"authorization") != b"Bearer test-key":
        answer(connection, problem("invalid_api_key", "Incorrect API key provided"), "401 Unauthorized")
    elif request.target == b"/v1/models":
        answer(connection, {"object": "list", "data": [model(name) for name in MODELS]})
    elif question["model"] not in MODELS:
        answer(connection, problem("model_not_found", f"No model {question['model']!r}"), "404 Not Found")
    elif request.target == b"/v1/embeddings":
        answer(connection, embeddings(question))
    elif question.get("stream"):
        stream(connection, question["messages"][-1]["content"].split(" "))
    else:
        answer(connection, completion(question["messages"][-1]["content"]))


def answer(connection: Connection, value: Any, status: str = "200 OK") -> None:
    """Send ``value`` as JSON."""
    connection.send(response(json.dumps(value).encode(), status=status, fields=[("content-type", "application/json")]))


def stream(connection: Connection, words: list[str]) -> None:
    """Send the words as events, one chunk each, and the end mark of the API."""
    connection.send(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
    for number, word in enumerate(words):
        delta = {"role": "assistant", "content": word if number == 0 else f" {word}"}
        connection.send(event(json.dumps(frame("chat.completion.chunk", {"delta": delta, "finish_reason": None}))))
    connection.send(event(json.dumps(frame("chat.completion.chunk", {"delta": {}, "finish_reason": "stop"}))))
    connection.send(event("[DONE]") + chunk(b""))


def event(data: str) -> bytes:
    """Return one Server-Sent Event as a chunk."""
    return chunk(f"data: {data}\n\n".encode())


def frame(kind: str, choice: dict[str, Any]) -> dict[str, Any]:
    """Return what a completion and each of its chunks have in common."""
    return {"id": "chatcmpl-1", "object": kind, "created": 1, "model": MODELS[0], "choices": [{"index": 0, **choice}]}


def completion(text: str) -> dict[str, Any]:
    """Return a whole chat completion; a word counts as a token."""
    count = len(text.split(" "))
    message = {"role": "assistant", "content": text}
    usage = {"prompt_tokens": count, "completion_tokens": count, "total_tokens": 2 * count}
    return {**frame("chat.completion", {"message": message, "finish_reason": "stop"}), "usage": usage}


def embeddings(question: dict[str, Any]) -> dict[str, Any]:
    """Return the letter counts of each input; in base64 when the client asks for it, as the package does by default."""
    texts = [question["input"]] if isinstance(question["input"], str) else question["input"]
    data = []
    for number, text in enumerate(texts):
        vector = letters(text)
        packed = base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
        is_packed = question.get("encoding_format") == "base64"
        data.append({"object": "embedding", "index": number, "embedding": packed if is_packed else vector})
    return {"object": "list", "data": data, "model": MODELS[1], "usage": {"prompt_tokens": 1, "total_tokens": 1}}


def letters(text: str) -> list[float]:
    """Return how often each of a to z is in ``text``."""
    return [float(text.count(letter)) for letter in "abcdefghijklmnopqrstuvwxyz"]


def model(name: str) -> dict[str, Any]:
    """Return the record of a model."""
    return {"id": name, "object": "model", "created": 1, "owned_by": "tests"}


def problem(code: str, message: str) -> dict[str, Any]:
    """Return an error as the API shapes it."""
    return {"error": {"message": message, "type": "invalid_request_error", "param": None, "code": code}}
