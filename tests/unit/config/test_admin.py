"""The admin address in the file."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from fastgw.config.load import load
from tests.unit.config.files import MINIMAL
from tests.unit.config.test_load import problems
from tests.unit.config.test_warn import warnings

TOKEN = "0123456789abcdef"
DIGEST = hashlib.sha256(TOKEN.encode()).hexdigest()


def read(folder: Path, text: str, **environ: str) -> object:
    path = folder / "gw.yaml"
    path.write_text(MINIMAL + text + "\n")
    return load(path, environ).admin


@pytest.mark.parametrize("text", ["http://127.0.0.1:9905", "http://127.0.0.1:9905/", "127.0.0.1:9905"])
def test_an_address_alone_is_short_for_a_mapping(tmp_path: Path, text: str) -> None:
    assert read(tmp_path, f"admin: {text}") == read(tmp_path, "admin: {address: '127.0.0.1:9905'}")


def test_the_token_is_known_by_its_digest_alone(tmp_path: Path) -> None:
    (tmp_path / "token").write_text(TOKEN + "\n")
    for text in (f"{{token: {TOKEN}}}", "{token: '${ADMIN_TOKEN}'}", "{token_file: token}"):
        spec = read(tmp_path, f"admin: {text}", ADMIN_TOKEN=TOKEN)
        assert DIGEST in repr(spec) and TOKEN not in repr(spec)


def test_hosts_are_names_in_lower_case(tmp_path: Path) -> None:
    assert "hosts=('gw.example',)" in repr(read(tmp_path, "admin: {hosts: [GW.Example, gw.example]}"))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{token: short}", "7:16: admin.token: has 5 characters; a token that nobody guesses has 16 at least"),
        ("{token: '0123456789 abcdef'}", "7:16: admin.token: has characters that no Authorization field may have"),
        ("{token: '0123456789äöüäöü'}", "7:16: admin.token: has characters that no Authorization field may have"),
        (f"{{token: {TOKEN}, token_file: x}}", "7:34: admin.token_file: stands beside token; give one of them"),
        ("{token_file: nowhere}", "7:21: admin.token_file: "),
        ("{token_file: weak}", "7:21: admin.token_file: has 4 characters"),
        ("{hosts: ['a:1']}", "7:17: admin.hosts[0]: "),
        ("{tls: {cert: nowhere, key: nowhere}}", "7:21: admin.tls.cert: "),
        ("ftp://127.0.0.1:1", "7:1: admin: expected an address"),
    ],
)
def test_what_is_wrong_is_told(tmp_path: Path, text: str, problem: str) -> None:
    (tmp_path / "weak").write_text("weak\n")
    found = problems(tmp_path, MINIMAL + f"admin: {text}\n")
    assert any(line.startswith(problem) for line in found), found
    assert TOKEN not in str(found)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{address: '0.0.0.0:9901'}", "may read without a password"),
        ("{address: '0.0.0.0:9901', token_file: token}", "its token passes in clear"),
        ("{address: '127.0.0.1:9901'}", ""),
        ("{address: '127.0.0.1:9901', token_file: token}", ""),
        ("{address: '0.0.0.0:9901', token_file: token, tls: {cert: '$cert', key: '$key'}}", ""),
        ("{address: '0.0.0.0:9901', tls: {cert: '$cert', key: '$key'}}", "may read without a password"),
        (
            "{address: '0.0.0.0:9901', tls: {cert: '$cert', key: '$key', client_auth: required, client_ca: '$cert'}}",
            "",
        ),
    ],
)
def test_what_others_reach_is_warned_of(tmp_path: Path, pair: tuple[str, str], text: str, words: str) -> None:
    (tmp_path / "token").write_text(TOKEN + "\n")
    found = warnings(tmp_path, MINIMAL + f"admin: {text.replace('$cert', pair[0]).replace('$key', pair[1])}\n")
    assert [words in line for line in found] == ([True] if words else []), found
