"""What a client of MQTT says, in pieces and in one: the broker and the client must be told the same."""

from __future__ import annotations

from fastgw.wire.mqtt_packets import PacketScanner
from tests.support import mqtt
from tests.support.mqtt_edge import OWN, MqttStage

RULES = {"publish": (*OWN, (b"all/+",)), "subscribe": (*OWN, (b"all/+",)), "max_packet": 300}


def told(pieces: list[bytes], version: int) -> tuple[bytes, bytes, list[str]]:
    """What broker and client got behind the CONNECT, and why it ended."""
    stage = MqttStage(version=version, **RULES).open(extra=b"\x22\0\x0a" if version == 5 else b"")
    for piece in pieces:
        stage.say(piece)
    found = stage.sent(), stage.heard(), stage.ended()
    stage.end()
    return found


def told_apart(pieces: list[bytes], version: int) -> str:
    """How that differs by the pieces, or breaks what must hold; empty: it does not."""
    data = b"".join(pieces)
    whole, cut = told([data] if data else [], version), told(pieces, version)
    if whole != cut:
        return f"in one {whole}, in pieces {cut}"
    scanner = PacketScanner(1000, is_client=True, version=version)
    scanner.feed(whole[0])
    if scanner.problem is not None or scanner.held:
        return f"the broker got {whole[0]!r}, which are no whole packets"
    opening(data)
    return ""


def opening(data: bytes) -> None:
    """``data`` as the first bytes of a client: whatever comes of it, it is one of the documented errors."""
    stage = MqttStage(data or mqtt.PINGREQ)
    stage.end()
