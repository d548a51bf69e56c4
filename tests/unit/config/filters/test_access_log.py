"""``access_log`` in the file: where it writes must be there."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.config.files import MINIMAL, problems, read


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("stdout", []),
        ("stderr", []),
        ("log", []),
        ("no/such/log", ["7:41: filters.log.path: the directory of the file does not exist"]),
        (".", ["7:41: filters.log.path: is a directory, expected a file"]),
        ("[]", ["7:35: filters.log.path: expected a path, got a list"]),
    ],
)
def test_the_file_can_be_made(tmp_path: Path, path: str, expected: list[str]) -> None:
    assert problems(tmp_path, MINIMAL + f"filters: {{log: {{type: access_log, path: {path}}}}}") == expected


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ('{agent: "${header.user-agent}", by: "${response.status} ${service.name}"}', []),
        ("{status: x}", ["7:44: filters.log.fields.status: a line has 'status' already"]),
        ("{error: x}", ["7:44: filters.log.fields.error: a line has 'error' already"]),
        ("{'a b': x}", ["filters.log.fields.a b: expected a name"]),
        ('{a: "${x.y}"}', ["filters.log.fields.a: ${x.y} is no variable; known are client.address"]),
    ],
)
def test_fields_are_new_ones_with_variables_that_there_are(tmp_path: Path, fields: str, expected: list[str]) -> None:
    found = problems(tmp_path, MINIMAL + f"filters: {{log: {{type: access_log, fields: {fields}}}}}")
    assert len(found) == len(expected), found
    assert all(part in problem for part, problem in zip(expected, found, strict=True)), found


def test_what_the_filter_gets(tmp_path: Path) -> None:
    spec = read(tmp_path, MINIMAL + "filters: {log: {type: access_log, path: a, batch: 1KiB, flush: 500ms}}").filters[0]
    assert dict(spec.options) == {
        "path": str(tmp_path / "a"),
        "batch": 1024,
        "flush": 0.5,
        "fields": (),
        "format": "json",
        "template": None,
        "sample": 1.0,
        "rotate": None,
        "always": (("slow", 1.0), ("failed", ("5xx",))),
    }


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ("format: combined", []),
        ('template: "${client.address}\\t${time.iso} ${header.x-a}"', []),
        ("format: clf", ["43: filters.log.format: expected json or combined, got 'clf'"]),
        ("template: abc", ["45: filters.log.template: has no variable, so all lines would be the same"]),
        ('template: "${client.adress}"', ["45: filters.log.template: ${client.adress} is no variable; did you mean"]),
        ('template: "${user.name}\\n"', ["45: filters.log.template: expected a value without control characters"]),
        (
            'format: combined, template: "${user.name}"',
            ["53: filters.log.template: a line is either this or of the format combined"],
        ),
        ("format: combined, fields: {a: b}", ["53: filters.log.fields: a line of text has no keys"]),
        (
            'fields: {took: "${duration.ms}"}',
            ["50: filters.log.fields.took: ${duration.ms} is known in the template of an access log only"],
        ),
    ],
)
def test_what_a_line_is(tmp_path: Path, options: str, expected: list[str]) -> None:
    found = problems(tmp_path, MINIMAL + f"filters: {{log: {{type: access_log, {options}}}}}")
    assert len(found) == len(expected), found
    assert all(one.startswith(f"7:{part}") for part, one in zip(expected, found, strict=True)), found


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ("sample: 1%", []),
        ("sample: 0%, always: {slow: 0, failed: [4xx, 503]}", []),
        ("sample: 0.01", ["43: filters.log.sample: expected a percentage from 0% to 100%"]),
        ("always: {slow: 2s}", ["35: filters.log.always: has no effect: without sample every exchange has a line"]),
        (
            "sample: 1%, always: {failed: [6xx]}",
            ["filters.log.always.failed: expected a status such as 429, or a class"],
        ),
        ("sample: 1%, always: {failed: yes}", ["filters.log.always.failed: expected true or false, got 'yes'"]),
        ("sample: 1%, always: {quick: 1s}", ["filters.log.always.quick: unknown key; known are slow, failed"]),
    ],
)
def test_which_exchanges_have_a_line(tmp_path: Path, options: str, expected: list[str]) -> None:
    found = problems(tmp_path, MINIMAL + f"filters: {{log: {{type: access_log, {options}}}}}")
    assert len(found) == len(expected), found
    assert all(part in one for part, one in zip(expected, found, strict=True)), found


def test_which_statuses_are_failures(tmp_path: Path) -> None:
    for said, expected in (("true", ("5xx",)), ("false", ()), ("[429, 5xx, 429]", ("429", "5xx"))):
        text = MINIMAL + f"filters: {{log: {{type: access_log, sample: 2%, always: {{failed: {said}}}}}}}"
        options = dict(read(tmp_path, text).filters[0].options)
        assert (options["sample"], dict(options["always"])) == (0.02, {"slow": 1.0, "failed": expected})


def test_what_it_does_is_told(tmp_path: Path) -> None:
    text = MINIMAL + "filters: {log: {type: access_log, sample: 2%}}"
    assert read(tmp_path, text).filters[0].does == "writes a line for 2 % of the exchanges, and some others, to stdout"
