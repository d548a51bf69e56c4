"""The usage log of a gateway that is rotated, reloaded and drained: a line for each request, and the metrics are its sums."""

from __future__ import annotations

import json
import signal
import socket
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

from tests.integration.processes import Gateway, Service, connect, read_answer, reload, workers
from tests.support.gateway import simple_config, wait_until
from tests.support.inference import PROMPT, TOLD, answer, asks, chunk, delta, event, stream_head, usage_chunk
from tests.support.upstream import Connection, Received

pytestmark = pytest.mark.integration

SECOND = b"/second/v1/chat/completions"


def script(request: Received, connection: Connection) -> None:
    """Answers, or streams an event and waits for the client or the end; or streams all."""
    if b'"stream":true' not in request.body:
        connection.send(answer(TOLD))
        return
    assert b'"include_usage":true' in request.body
    connection.send(stream_head() + chunk(event(delta("a"))))
    if request.target == SECOND:
        connection.send(chunk(event(usage_chunk(9, 1)) + event(b"[DONE]")) + chunk(b""))
    else:
        connection.wait_closed()


def read_to(sock: socket.socket, end: bytes) -> bytes:
    data = b""
    while end not in data:
        more = sock.recv(65536)
        assert more, data
        data += more
    return data


def lines(*paths: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for path in paths for line in path.read_text().splitlines()]


def test_nothing_is_lost_and_metrics_are_the_sums_of_the_log(
    gateway: Gateway, service: Service, tmp_path: Path
) -> None:
    path, old = tmp_path / "usage.jsonl", tmp_path / "usage.jsonl.1"
    filters = f"filters: {{used: {{type: usage, path: {path}, flush: 60s, models: [gpt-x]}}}}\n"
    shutdown = "shutdown: {grace: 300ms, stream_grace: 300ms}\n"
    text = simple_config(service(script).address, workers=2, route="filters: [used]") + filters + shutdown
    running = gateway(text)
    plain = PROMPT.replace(b"true", b"false")
    kept = connect(running.port)

    def ask() -> None:
        kept.sendall(asks(plain))
        assert b"gpt-x" in read_answer(kept)

    ask()
    with connect(running.port) as whole:
        whole.sendall(asks(PROMPT, SECOND))
        assert b"usage" not in read_to(whole, b"0\r\n\r\n")  # which the client has not asked for
    gone = connect(running.port)
    gone.sendall(asks())
    read_to(gone, b"data")
    gone.close()
    reload(running, text)  # which hands over what has no 60 s yet
    ask()
    wait_until(lambda: path.exists() and len(lines(path)) >= 3, what="the old filters have written their lines")
    path.rename(old)
    running.signal(signal.SIGUSR1)
    wait_until(lambda: path.exists() and len(workers(running)) == 2, what="the log is opened again")
    ask()
    stream = connect(running.port)
    stream.sendall(asks())
    read_to(stream, b"data")
    with urlopen(f"http://127.0.0.1:{running.admin_port}/metrics", timeout=10) as page:
        told = [line for line in page.read().decode().splitlines() if line.startswith("gen_ai_client_inference_usage_")]
    running.signal(signal.SIGTERM)
    assert read_to(stream, b"0\r\n\r\n").endswith(b": the gateway is shutting down\n\n\r\n0\r\n\r\n")
    assert running.wait(15) == 0, running.read_log()
    stream.close()
    kept.close()
    found = lines(old, path)
    assert sorted(one["completion_tokens"] for one in found) == [1, 1, 1, 10, 10, 10]
    assert sorted((one["status"], one["estimated"]) for one in found) == [
        *[(200, False)] * 4,
        (200, True),
        (499, True),
    ]
    drained = next(one for one in found if one.get("error") == "drained")
    sums = [sum(one[key] for one in found) - drained[key] for key in ("prompt_tokens", "completion_tokens")]
    names = ("input", "output")
    labels = '{gen_ai_response_model="gpt-x",service="main"}'
    for name, total in zip(names, sums, strict=True):
        metric = f"gen_ai_client_inference_usage_{name}_tokens_total"
        assert any(line.startswith(metric) and float(line.rpartition(" ")[2]) == total for line in told), (told, labels)
