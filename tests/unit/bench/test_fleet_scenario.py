"""What the scenario of fleets stands on: its configurations, and who asks a gateway all the time."""

from __future__ import annotations

import asyncio

import pytest

from bench.scenarios import fleet
from bench.scenarios.fleet import STORIES, Story
from bench.scenarios.registry.nodes import Asking, configuration
from fastgw.config.load import inspect
from fastgw.fleet.records import FleetRollout
from fastgw.fleet.store import FleetSight

ENVIRONMENT = {"FLEET_ADMIN": "19901", "FLEET_PORT": "18080", "FLEET_ZONE": "a"}


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        (configuration("good 1"), 0),
        (configuration("harm", status=503, guard="5s"), 0),
        (configuration("bad", more='zone: "${FLEET_ZONE}"\n'), 0),
        (configuration("bad", more='zone: "${FLEET_NOBODY}"\n'), 1),
        (configuration("bad", more="nonsense: 1\n"), 1),
    ],
)
def test_the_configurations_are_what_they_should_be(text: str, problems: int) -> None:
    assert len(inspect("x.yaml", ENVIRONMENT, 0.0, content=text.encode()).problems) == problems


def test_a_gateway_is_asked_all_the_time_and_its_changes_are_kept() -> None:
    async def story() -> Asking:
        answers, is_done = [b"a", b"a", b"b", b"c"], asyncio.Event()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while await reader.readuntil(b"\r\n\r\n"):
                body = answers.pop(0) if answers else b"c"
                status = b"503 Bad" if body == b"b" else b"200 OK"
                writer.write(b"HTTP/1.1 %b\r\ncontent-length: 1\r\n\r\n%b" % (status, body))
                if not answers:
                    is_done.set()

        async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
            asking = Asking(server.sockets[0].getsockname()[1])
            task = asyncio.ensure_future(asking.run())
            async with asyncio.timeout(10):
                while asking.now != "c":
                    await is_done.wait()
                    await asyncio.sleep(0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        return asking

    asking = asyncio.run(story())
    assert [(status, body) for _, status, body in asking.answers] == [(200, "a"), (503, "b"), (200, "c")]
    assert asking.errors == 1 and asking.failed == 0 and asking.requests >= 4
    when = asking.answers[2][0]
    assert asking.since("c", when) == when and asking.since("c", when + 1) == asking.since("d", 0) == float("inf")


def test_the_stories_are_those_that_are_told_of() -> None:
    text = (fleet.__doc__ or "").replace("at_once", "at once")
    assert all(f"    {name}" in text for name in STORIES)


def test_what_the_fleet_does_not_come_to_is_an_error() -> None:
    class Still:
        async def sight(self) -> FleetSight:
            return FleetSight(1, FleetRollout(1, "checking", 0), {})

    story = Story(None, Still(), [], {})  # type: ignore[arg-type]
    assert asyncio.run(story.seen(lambda sight: sight.latest == 1))[0].latest == 1
    with pytest.raises(RuntimeError, match="did not come to that"):
        asyncio.run(story.seen(lambda sight: sight.latest == 2, limit=0.05))
