"""``docs/errors.md`` names every code the gateway answers with, as it is, and no other."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from fastgw import errors
from fastgw.core.exchange.reply import error_reply

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "errors.md").read_text()
RETRIES = {
    errors.RETRY_NEVER: "never",
    errors.RETRY_SAFE: "safe",
    errors.RETRY_IDEMPOTENT: "idempotent",
    errors.RETRY_UNSEEN: "unseen",
    errors.RETRY_ALWAYS: "always",
}
#: What a reader of a floor below refuses in a request is the client's fault; of an answer it becomes ``bad_answer``.
FAULTS = {
    "WireError": "downstream",
    "DownstreamError": errors.DownstreamError.fault,
    "UpstreamError": errors.UpstreamError.fault,
    "InternalError": errors.InternalError.fault,
    "FilterUnavailableError": errors.FilterUnavailableError.fault,
    "GatewayError": errors.GatewayError.fault,
}


@dataclass(frozen=True)
class Code:
    """One code: its row on the page, or what the sources make of it."""

    code: str
    status: int
    fault: str
    retry: str


def made_in(function: ast.AST) -> Iterator[tuple[str, int, str, int]]:
    """Code, status, fault and retry of every error made in ``function``."""
    for node in ast.walk(function):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name) or node.func.id not in FAULTS:
            continue
        status, code = node.args[0], node.args[1]
        if ast.unparse(status) == "error.status" and ast.unparse(code) == "error.code":
            continue  # one that was made elsewhere, translated
        assert isinstance(status, ast.Constant) and isinstance(code, ast.Constant), ast.unparse(node)
        given = next((one.value for one in node.keywords if one.arg == "retry"), None)
        # A retry that is a variable may be any that the function speaks of.
        source = given if given is None or ast.unparse(given).startswith("RETRY_") else function
        named = [] if source is None else re.findall(r"RETRY_[A-Z]+", ast.unparse(source))
        best = max((int(getattr(errors, name)) for name in named), default=errors.RETRY_NEVER)
        yield str(code.value), int(status.value), FAULTS[node.func.id], best


def made() -> set[Code]:
    """Every code in the sources, with the most hopeful retry that it is made with."""
    found: dict[tuple[str, int, str], int] = {}
    for path in ROOT.glob("fastgw/**/*.py"):
        for function in ast.walk(ast.parse(path.read_text())):
            if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
                for code, status, fault, retry in made_in(function):
                    found[code, status, fault] = max(found.get((code, status, fault), 0), retry)
    return {Code(code, status, fault, RETRIES[retry]) for (code, status, fault), retry in found.items()}


def rows() -> list[Code]:
    """Every row of the page's tables of codes."""
    found = re.findall(r"^\| ([0-9]{3}) \| `(\w+)` \| `(\w+)` \| `(\w+)` \| .+ \| .+ \|$", PAGE, re.MULTILINE)
    return [Code(code, int(status), fault, retry) for status, code, fault, retry in found]


def test_the_page_names_every_code_and_no_other() -> None:
    assert sorted(rows(), key=str) == sorted(made(), key=str)


def test_a_code_has_one_meaning() -> None:
    codes = [one.code for one in rows()]
    assert len(set(codes)) == len(codes)


def test_compiled_sources_make_no_error_of_their_own() -> None:
    texts = [path.read_text() for path in ROOT.glob("fastgw/**/*.pyx")]
    assert not [name for name in FAULTS for text in texts if f"{name}(" in text]


@pytest.mark.parametrize("example", [0, 1], ids=["problem", "openai"])
def test_the_examples_are_what_a_client_gets(example: int) -> None:
    found = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)
    error: errors.GatewayError = errors.DownstreamError(404, "no_route", "no route matches this request")
    if example:
        error = errors.UpstreamError(504, "answer_timeout", "the service did not answer within 120 s")
    reply = error_reply(error, ("problem", "openai")[example], "5d0c2a9e61b7f3480000000000000001")
    assert json.loads(reply.body) == json.loads(found[example])
    assert reply.content_type in PAGE


def test_the_pages_tell_the_pace_that_a_body_must_keep() -> None:
    sources = "".join(path.read_text() for path in ROOT.glob("fastgw/core/**/*.py"))
    [after] = re.findall(r"^RATE_AFTER = (\d+)", sources, re.MULTILINE)
    [pace] = re.findall(r"^RATE_MIN = (\d+)", sources, re.MULTILINE)
    assert f"after {after} s the body has come at less than {pace} bytes a second" in PAGE
    for name, words in (
        ("configuration.md", f"arriving for {after} s is refused when it comes at less than\n{pace} bytes a second"),
        ("security.md", f"{pace} bytes a second after {after} s"),
    ):
        assert words in (ROOT / "docs" / name).read_text(), name
