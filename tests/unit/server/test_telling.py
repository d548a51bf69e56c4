"""One line for the operator, of a start that went well and of a process that ended."""

from __future__ import annotations

from pathlib import Path

import pytest

from fastgw.core.settings import Address
from fastgw.server.gateway import Gateway
from fastgw.server.listening import bind
from fastgw.server.telling import cause, start_line
from tests.unit.server.stage import TEXT, Stage, play


def test_start_line_says_what_listens_where(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async def story(stage: Stage) -> None:
        bound = stage.gateway.plan_in_use.listenings["127.0.0.1:0"].bound
        assert f"ready: edge http://{bound}, no admin address; 2 workers, generation 1" in start_line(stage.gateway, [])
        admin = bind(Address("127.0.0.1", 0), 1)
        assert f", admin http://{admin.bound};" in start_line(stage.gateway, [admin])
        admin.close()

    play(story, file, capsys)


def test_start_line_names_unix_addresses_as_they_are(
    tmp_path: Path, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file.write_text(TEXT.replace("127.0.0.1:0", f"unix:{tmp_path}/edge").replace("workers: 2", "workers: 1"))
    gateway = Gateway(str(file), None, {}, [])
    gateway.adopt(gateway.plan(gateway.load()))
    admin = bind(Address(path=f"{tmp_path}/admin"), 1)
    line = start_line(gateway, [admin])
    assert f"ready: edge unix:{tmp_path}/edge, admin unix:{tmp_path}/admin; 0 workers, generation 1" in line
    admin.close()
    gateway.close()


def test_the_end_of_a_process_is_a_status_or_a_signal() -> None:
    assert (cause(3), cause(-9), cause(-99)) == ({"status": 3}, {"signal": "SIGKILL"}, {"status": -99})
