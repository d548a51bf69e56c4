"""Brokers, each asked once."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from fastgw.cli.broker_tries import broker_references
from fastgw.cli.references import references
from fastgw.cli.tries import FAILED, FINE, WARNING, Tried, try_all
from fastgw.config.load import load

CONFIG = """listeners: [{{address: "127.0.0.1:0"}}]
routes:
  - {{path: /a, adapter: {{mqtt: {{broker: {0}, publish: a}}}}}}
  - {{path: /b, adapter: {{mqtt: {{broker: {0}, publish: b}}}}}}
mqtt:
  c: {{broker: {0}, username: u, topic: c, path: /, reply: d}}
"""


async def tried(folder: Path, answer: bytes) -> list[Tried]:
    """Of brokers that say ``answer`` to CONNECT."""

    async def on_client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(answer)
        await reader.read()
        writer.close()

    server = await asyncio.start_server(on_client, "127.0.0.1", 0)
    path = folder / "gateway.yaml"
    path.write_text(CONFIG.format(f"mqtt://127.0.0.1:{server.sockets[0].getsockname()[1]}"))
    spec = load(path, {})
    assert [one.place for one in references(spec)] == [one.place for one in broker_references(spec)]
    found = await try_all(references(spec))
    await asyncio.sleep(0)
    server.close()
    return found


@pytest.mark.parametrize(
    ("answer", "state", "said"),
    [
        (b"\x20\x03\x00\x00\x00", FINE, "accepts this gateway by MQTT 5"),
        (b"\x20\x05\x00\x00\x02\x24\x00", WARNING, "accepts this gateway by MQTT 5"),
        (b"\x20\x03\x00\x87\x00", FAILED, "refused CONNECT: Connection Refused: Not authorized (135)"),
    ],
)
def test_each_is_asked_once_for_each_user(tmp_path: Path, answer: bytes, state: str, said: str) -> None:
    first, second = asyncio.run(tried(tmp_path, answer))
    for one, paths in (
        (first, (("routes", 0, "adapter", "mqtt"), ("routes", 1, "adapter", "mqtt"))),
        (second, (("mqtt", "c"),)),
    ):
        assert one.reference.kind == "mqtt" and one.reference.paths == paths
        assert one.state == state and said in one.said
