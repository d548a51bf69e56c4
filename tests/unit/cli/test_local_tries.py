"""What a configuration needs of this machine, tried once."""

from __future__ import annotations

import asyncio
import os
import socket
import time
from pathlib import Path
from typing import Any

import pytest

from fastgw.cli.local_tries import local_references
from fastgw.cli.tries import FailedError, Referred, Usable
from fastgw.filters.key_file import ApiKey, dump_keys
from tests.support.certificates import Authority
from tests.support.ports import free_port
from tests.unit.cli.test_references import spec_of

STATUS: dict[str, Any] = {
    "workers": [{"state": "ready"}, {"state": "starting"}],
    "generation": 7,
    "problems": [{"severity": "critical", "about": "service a", "cause": "no member"}],
    "last_reload": {"ok": False, "error": "line 3"},
}


def references(folder: Path, text: str, status: dict[str, Any] | None = None) -> dict[str, Referred]:
    text = text + "routes: [{path: /*, service: a}]\nservices: {a: {endpoints: ['127.0.0.1:1']}}\n"
    return {one.kind: one for one in local_references(spec_of(text, folder), status)}


def tried(reference: Referred) -> Usable:
    return asyncio.run(reference.attempt())  # type: ignore[arg-type]


def failed(reference: Referred) -> tuple[str, str]:
    with pytest.raises(FailedError) as caught:
        tried(reference)
    return caught.value.cause, str(caught.value)


def test_an_address_must_be_free_unless_the_gateway_runs(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        text = f"admin: false\nlisteners: [{{address: '127.0.0.1:{taken.getsockname()[1]}'}}]\n"
        cause, detail = failed(references(tmp_path, text)["address"])
        assert cause == "bind" and text.split("'")[1] in detail
        assert "address" not in references(tmp_path, text, STATUS)
    assert tried(references(tmp_path, text)["address"]).said == "is free"
    unix = f"admin: false\nlisteners: [{{address: 'unix:{tmp_path}/a.sock'}}]\n"
    assert tried(references(tmp_path, unix)["address"]).said == "is free"
    assert [one for one in os.listdir(tmp_path) if "sock" in one] == []  # nothing of the try is left


def test_a_gateway_that_runs_tells_what_is_wrong(tmp_path: Path) -> None:
    text = f"listeners: [{{address: '127.0.0.1:{free_port()}'}}]\n"
    found = tried(references(tmp_path, text, STATUS)["gateway"])
    assert found.said == "runs, 1 of 2 workers ready, generation 7"
    assert [one.partition(": ")[0] for one in found.warnings] == [
        "critical",
        "it refused the last reload and uses what was there before",
    ]
    assert len(tried(references(tmp_path, text)["gateway"]).warnings) == 1  # none runs


def test_what_ends_is_told_with_its_moment(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "a")
    cert, key = authority.pair("edge", "edge.test", days=9)
    keys, now = tmp_path / "keys.json", time.time()
    keys.write_bytes(
        dump_keys(
            [
                ApiKey("late", b"1" * 32, expires=now + 9e6),
                ApiKey("soon", b"2" * 32, expires=now + 100),
                ApiKey("off", b"3" * 32, expires=now + 50, is_disabled=True),
                ApiKey("ever", b"4" * 32),
            ]
        )
    )
    text = f"listeners: [{{address: '127.0.0.1:1', tls: {{cert: {cert}, key: {key}}}}}]\n"
    found = references(tmp_path, text + f"filters: {{k: {{type: api_key, file: {keys}}}}}\n")
    [expiry] = tried(found["certificate"]).expiries
    assert expiry.what == f"certificate {cert}" and abs(expiry.at - now - 9 * 86400) < 3600
    told = tried(found["api_keys"])
    assert told.said == "4 keys" and [one.what.split()[2] for one in told.expiries] == ["soon", "late"]
    keys.unlink()
    assert failed(found["api_keys"])[0] == "unreadable"
    keys.write_text("no")
    assert failed(found["api_keys"])[0] == "content"


def test_room_on_a_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = f"state_file: {tmp_path}/state/s.json\nlisteners: [{{address: '127.0.0.1:1'}}]\n"
    (tmp_path / "state").mkdir()
    disk = references(tmp_path, text + f"filters: {{l: {{type: access_log, path: {tmp_path}/a.log}}}}\n")["disk"]
    assert "MiB free" in tried(disk).said
    full = os.statvfs_result((4096, 4096, 1000, 1, 1, 1, 1, 1, 0, 255))
    monkeypatch.setattr(os, "statvfs", lambda _: full)
    [warning] = tried(disk).warnings
    assert warning.startswith("only 0 MiB free")
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert failed(disk)[0] == "unwritable"
