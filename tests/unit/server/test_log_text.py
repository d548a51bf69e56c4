"""A record of the log for people."""

from __future__ import annotations

from fastgw.server.log_text import text_of

RECORD = {
    "time": "2026-11-22T12:45:33.120Z",
    "level": "error",
    "process": "worker 1",
    "pid": 7,
    "event": "it failed",
    "service": "llm",
    "count": 3,
    "reason": "no route",
}


def test_a_line_has_time_level_process_event_and_fields() -> None:
    assert text_of(RECORD) == (
        '2026-11-22 12:45:33.120 error   worker 1    it failed  service=llm count=3 reason="no route"'
    )


def test_what_has_several_lines_stands_below() -> None:
    found = text_of({"event": "no", "problems": ["a:1: x", "a:2: y"], "traceback": "one\ntwo\n", "none": []})
    assert found.splitlines()[1:] == [
        "    problems:",
        "      a:1: x",
        "      a:2: y",
        "    traceback:",
        "      one",
        "      two",
    ]
    assert found.splitlines()[0].endswith("no  none=[]")


def test_colours_are_of_the_level() -> None:
    assert "\x1b[31mit failed\x1b[0m" in text_of(RECORD, is_coloured=True)
    assert "\x1b" not in text_of(RECORD)


def test_no_control_character_reaches_a_terminal() -> None:
    hostile = {
        "event": "e\x1b[2J",
        "process": "\x07",
        "level": "\x1b",
        "time": "\x1b",
        "x": "\x1b[0m",
        "y\x1b": ["\x9b"],
    }
    for text in (text_of(hostile), text_of(hostile, is_coloured=True)):
        assert "\x1b[2J" not in text and "\x07" not in text and "\x9b" not in text
