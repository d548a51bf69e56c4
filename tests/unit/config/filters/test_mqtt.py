"""``mqtt`` in the file: templates of topics and client ids, and what the filter gets."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.config.files import MINIMAL, problems, read

DEFINED = "filters: {devices: {type: mqtt, %s}}"


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ("publish: ['devices/${note.mqtt.client_id}/#']", ""),
        ("publish: ['#', '$SYS/#']", ""),
        ("publish: []", ""),
        ("client_id: ['${note.jwt.sub}-*']", ""),
        ("publish: ['a/#/b']", 'a filter with a "#" that is not its last level'),
        ("subscribe: ['devices/${request.nothing}/#']", "${request.nothing} is no variable"),
        ("subscribe: ['a+']", 'a filter with a "+" or "#" that shares a level'),
        ("login: token", "expected basic or bearer"),
        ("message_rate: 1MiB/s", "counts messages, and has no unit of bytes"),
        ("username: gw, password: s3cret-of-it", ""),
        ("password: s3cret-of-it", "has no effect without username"),
        ("username: gw, password: s, password_file: /none", "stands beside password; give one of them"),
        ("message_burst: 3", "has no effect without message_rate"),
    ],
)
def test_what_is_wrong_is_told(tmp_path: Path, keys: str, words: str) -> None:
    found = problems(tmp_path, MINIMAL + DEFINED % keys)
    assert any(words in one for one in found) if words else not found, found


def test_what_the_filter_gets(tmp_path: Path) -> None:
    keys = "publish: ['d/${note.mqtt.client_id}/#'], message_rate: 10/s, max_packet: 2KiB"
    given = dict(read(tmp_path, MINIMAL + DEFINED % keys).filters[0].options)
    assert given == {
        "client_id": (),
        "publish": ((b"d/", "note.mqtt.client_id", b"/#"),),
        "subscribe": ((b"#",),),
        "login": "basic",
        "pass_login": True,
        "username": "",
        "password": None,
        "max_packet": 2048,
        "message_rate": (10, 1),
        "message_burst": None,
        "drain_grace": 10.0,
    }
