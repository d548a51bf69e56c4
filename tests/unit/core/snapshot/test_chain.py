"""What of a list of filters is left for a request."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from fastgw.core.snapshot.chain import Chain


def made(name: str, *hooks: str) -> Any:
    """A filter with these hooks; each is its own name."""
    return SimpleNamespace(name=name, **{hook: f"{name}.{hook}" for hook in hooks})


def test_empty_chain_has_no_hooks() -> None:
    chain: Any = Chain()
    assert chain.filters == chain.request == ()
    assert chain.response == chain.done == ((), ())


def test_hooks_leave_in_reverse_for_exactly_those_entered() -> None:
    chain: Any = Chain([made("a", "request", "response", "done"), made("b", "response"), made("c", "request", "done")])
    assert chain.request == ("a.request", "c.request")
    assert chain.response == ((), ("a.response",), ("b.response", "a.response"), ("b.response", "a.response"))
    assert chain.done == ((), ("a.done",), ("c.done", "a.done"), ("c.done", "a.done"))


def test_filters_without_a_request_hook_are_entered_by_who_passes_them() -> None:
    chain: Any = Chain([made("a", "response"), made("b", "request"), made("c", "response", "done")])
    assert chain.response == ((), ("a.response",), ("c.response", "a.response"))
    assert chain.done == ((), (), ("c.done",))


def test_hook_that_is_none_is_no_hook() -> None:
    chain: Any = Chain([SimpleNamespace(name="a", request=None, response=None, done=None)])
    assert (chain.request, chain.response, chain.done) == ((), ((), ()), ((), ()))


def test_bodies_pass_readers_on_the_clients_side_of_transformers() -> None:
    kinds = ("read_request", "transform_request", "transform_response", "read_response")
    chain: Any = Chain([made("a", "request", *kinds), made("b", "request", "read_request", "read_response")])
    assert [one.hook for one in chain.request_body] == ["a.read_request", "a.transform_request", "b.read_request"]
    assert [[one.hook for one in openings] for openings in chain.response_body] == [
        [],
        ["a.transform_response", "a.read_response"],
        ["b.read_response", "a.transform_response", "a.read_response"],
        ["b.read_response", "a.transform_response", "a.read_response"],
    ]
    assert [(one.changes, one.is_of_request) for one in (*chain.request_body, *chain.response_body[1])] == [
        (False, True),
        (True, True),
        (False, True),
        (True, False),
        (False, False),
    ]
    assert chain.name_of(chain.request_body[-1].hook) == "b"
    assert Chain([made("a", "request", "response")]).response_body == ()


def test_a_hook_finds_the_name_of_its_filter() -> None:
    chain = Chain([made("a", "request", "response"), made("b", "request", "done")])
    hooks: list[Any] = [*chain.request, *chain.done[-1]]
    assert [chain.name_of(hook) for hook in hooks] == ["a", "b", "b"]
    assert chain.name_of(print) == ""


def test_names_of_notes_for_the_log_stand_once() -> None:
    class Noting:
        name = "a"
        logged = ("tenant", "plan")

    class Other:
        name = "b"
        logged = ("plan", "cost")

    assert Chain([Noting(), made("c", "request"), Other()]).logged == ("tenant", "plan", "cost")
    assert Chain().logged == ()


def test_a_chain_whose_only_reader_is_of_streams_is_not_asked_of_answers_with_a_length() -> None:
    class OfStreams:
        name = "streams"
        is_of_streams = True

        def read_response(self, exchange: Any) -> None:
            """Of streams alone."""

    class OfAll:
        name = "all"

        def read_response(self, exchange: Any) -> None:
            """Of any answer."""

    assert Chain([OfStreams()]).is_of_streams
    assert not Chain([OfAll(), OfStreams()]).is_of_streams and not Chain([]).is_of_streams
    (first, second) = Chain([OfAll(), OfStreams()]).response_body[-1]
    assert first.is_of_streams and not second.is_of_streams
