"""A worker whose code is old."""

from __future__ import annotations

import pytest

from fastgw.server import serving
from fastgw.server.messages import Prepared
from tests.unit.server.worker_stage import TEXT, Play, Stage


def test_code_that_has_changed_is_told_instead_of_compiled(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(stage: Stage) -> None:
        await stage.serve()
        monkeypatch.setattr(serving.imported, "changed", lambda: ("my_filter",))
        answer = await stage.prepare(
            stage.plan(TEXT.replace("routes:", '  - {name: more, address: "127.0.0.2:0"}\nroutes:'))
        )
        assert answer == Prepared(2, (), ("my_filter",))
        assert stage.sockets == ["127.0.0.1:0"]
        assert b" 404 " in await stage.ask(await stage.client())

    play(story)
