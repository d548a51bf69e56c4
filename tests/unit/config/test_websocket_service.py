"""``websocket`` of a service, as the file says it."""

from __future__ import annotations

from pathlib import Path

import pytest

from fastgw.config.spec import ServiceSpec
from fastgw.core.websocket_settings import WebSocketCalls
from tests.unit.config import files

TEXT = """
listeners: [{{address: 127.0.0.1:8080}}]
routes: [{{path: /*, service: s}}]
services:
  s: {{endpoints: ["127.0.0.1:9000"], {said}}}
"""


def service(folder: Path, said: str) -> ServiceSpec:
    return files.read(folder, TEXT.format(said=said)).services[0]


def problems(folder: Path, said: str) -> str:
    return "\n".join(files.problems(folder, TEXT.format(said=said)))


def test_a_service_speaks_http_unless_it_says_so(tmp_path: Path) -> None:
    found = service(tmp_path, "host: preserve")
    assert (found.protocol, found.settings.websocket) == ("http/1.1", None)
    found = service(tmp_path, "websocket: {}")
    usual = WebSocketCalls("auto", 8192, "", "", "auto", None, (), 0.0, 1 << 20, 10_000, 16 << 20)
    assert (found.protocol, found.settings.websocket) == ("websocket", usual)


def test_its_keys(tmp_path: Path) -> None:
    keys = "send: lines, max_piece: 512, end_message: EOS, subprotocol: chat, answer: sse, messages: 3, idle_timeout: 2s, max_message: 1KiB"
    until = 'until: {type: [done, "3", 3], meta.last: true, x: null}, max_messages: 9, max_answer: 2KiB'
    found = service(tmp_path, f"websocket: {{{keys}, {until}}}").settings.websocket
    fields = (("type", ("done", "3", 3)), ("meta.last", True), ("x", None))
    assert found == WebSocketCalls("lines", 512, "EOS", "chat", "sse", 3, fields, 2.0, 1024, 9, 2048)


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        ("websocket: {}, protocol: h2", "begins with a handshake of HTTP/1.1, and the service has protocol: h2"),
        ("websocket: {messages: 9, max_messages: 8}", "websocket.messages: is more than max_messages (8)"),
        ("websocket: {max_message: 2MiB, max_answer: 1MiB}", "websocket.max_message: is more than max_answer"),
        ("websocket: {send: pieces, max_piece: 2MiB}", "websocket.max_piece: is more than max_message"),
        ("websocket: {until: {type: {}}}", "expected a value such as done, 3 or true"),
        ("websocket: {until: {type: []}}", "expected a value such as done, 3 or true"),
        ("websocket: {until: {'a..b': 1}}", "expected a key such as image"),
        ("websocket: {subprotocol: 'a b'}", "expected the name of a subprotocol such as chat"),
        ("websocket: {send: frames}", "websocket.send"),
    ],
)
def test_what_is_wrong_is_told(tmp_path: Path, said: str, problem: str) -> None:
    assert problem in problems(tmp_path, said)


def test_code_in_this_process_speaks_none(tmp_path: Path) -> None:
    text = TEXT.format(said="websocket: {}").replace('endpoints: ["127.0.0.1:9000"]', "python: some_module:Class")
    assert "websocket: is of endpoints" in "\n".join(files.problems(tmp_path, text))
