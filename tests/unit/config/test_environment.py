"""``${NAME}`` and its defaults, as in shells."""

from __future__ import annotations

import subprocess

import pytest

from fastgw.config.environment import DEEPEST, Environment
from fastgw.config.values import Expanded

VARIABLES = {"A": "v", "B": "q", "EMPTY": "", "SPACE": "a b"}


def expand(text: str, **environ: str) -> tuple[str, list[str]]:
    return Environment(environ).expand(text)


@pytest.mark.parametrize("environ", [{}, {"A": "v"}, {"B": "q"}, {"A": "v", "B": "q"}, {"A": "", "B": ""}])
@pytest.mark.parametrize(
    "text",
    [
        "${A:-${B:-c}}",
        "x${A:-${B:-c}}y${A:-z}",
        "${A:-x}y}",
        "${A:-}",
        "${A:-{x}}",
        "${A:-a b:c}",
        "${A:-${B:-${C:-d}}}",
        "${A:-${B:-}${C:-e}}",
        "${A:-1${B:-2}3}",
        "a}b",
    ],
)
def test_defaults_are_those_of_a_shell(text: str, environ: dict[str, str]) -> None:
    shell = subprocess.run(["sh", "-c", f'printf %s "{text}"'], env=environ, capture_output=True, text=True, check=True)
    assert expand(text, **environ) == (shell.stdout, [])


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("${A}:${B}", "v:q"),
        ("$${A}", "${A}"),
        ("${NONE:-$${A}}", "${A}"),
        ("${EMPTY}", ""),
        ("$A $", "$A $"),
        ("$$${A}", "$${A}"),
        ("${A:-${NONE}}", "v"),  # a default that is not needed asks for nothing
    ],
)
def test_what_is_put_in(text: str, value: str) -> None:
    found, problems = expand(text, **VARIABLES)
    assert (found, problems) == (value, [])
    assert isinstance(found, Expanded) and found.source == text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("${NONE}", ["the environment variable NONE is not set; ${NONE:-default} has a default"]),
        ("${NONE:-${OTHER}}", ["the environment variable OTHER is not set; ${OTHER:-default} has a default"]),
        ("${NONE}${OTHER}", ["NONE", "OTHER"]),
        ("${A-d}", ["'${A-d}' is neither ${NAME} nor ${NAME:-default}"]),
        ("${A:-${B}", ["'${A:-${B}' is neither"]),
        ("${NONE:-${B-c}}", ["'${B-c}' is neither"]),
        ("${", ["'${' is neither"]),
        ("${}", ["'${}' is neither"]),
        ("${1}", ["'${1}' is neither"]),
        ("${A:+x}", ["'${A:+x}' is neither"]),
        ("${NONE:-" * 11 + "}" * 11, [f"more than {DEEPEST} defaults stand within each other"]),
    ],
)
def test_what_is_wrong(text: str, said: list[str]) -> None:
    _, problems = expand(text, **VARIABLES)
    assert len(problems) == len(said)
    assert all(part in problem for part, problem in zip(said, problems, strict=True))


def test_what_was_given_is_not_shown() -> None:
    environment = Environment({"TOKEN": "correct horse\n", "SHORT": "true"})
    environment.expand("${TOKEN}${SHORT}${NONE:-default text}")
    said = environment.redact("got 'correct horse\\n' and not true, nor default text")
    assert said == "got '${TOKEN}' and not true, nor default text"


@pytest.mark.parametrize(
    ("text", "value", "left"),
    [
        ("${client.address}", "${client.address}", ["${client.address}"]),
        ("${A}${header.x-foo}-${B}${note.a.b}", "v${header.x-foo}-q${note.a.b}", ["${header.x-foo}", "${note.a.b}"]),
        ("${NONE:-[${route.name}]}", "[${route.name}]", ["${route.name}"]),
        ("$${client.address}", "${client.address}", []),
        ("${HOLDS}", "${client.address}", []),  # what a variable of the environment holds is only text
    ],
)
def test_variables_of_a_request_are_left(text: str, value: str, left: list[str]) -> None:
    found, problems = expand(text, **VARIABLES, HOLDS="${client.address}")
    assert (found, problems) == (value, [])
    assert isinstance(found, Expanded)
    assert [found[begin:end] for begin, end in found.variables] == left
