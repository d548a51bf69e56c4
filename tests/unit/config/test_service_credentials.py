"""The credentials of a service, as the file says them; and that nothing shows them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fastgw.cli.check import check
from fastgw.config.changes import changes
from fastgw.config.in_use import described
from fastgw.core.credential_settings import CredentialSettings
from fastgw.core.exchange.redacting import Redactor
from fastgw.core.live.registry import Registry
from tests.unit.config.compile_stage import compiled
from tests.unit.config.files import problems, read, with_service

SECRET = "sk-0123456789abcdef"


@pytest.mark.parametrize(
    ("keys", "field", "value"),
    [
        ("secret: '${KEY}'", "authorization", f"Bearer {SECRET}"),
        (f"secret: {SECRET}, header: X-Api-Key", "x-api-key", SECRET),
        (f"secret: {SECRET}, scheme: Basic", "authorization", f"Basic {SECRET}"),
        (f"secret: {SECRET}, scheme: ''", "authorization", SECRET),
        ("secret_file: key", "authorization", f"Bearer {SECRET}"),
    ],
)
def test_how_they_are_sent(tmp_path: Path, keys: str, field: str, value: str) -> None:
    (tmp_path / "key").write_text(SECRET + "\n")
    (service,) = read(tmp_path, with_service(f"credentials: {{{keys}}}"), {"KEY": SECRET}).services
    found = service.settings.credentials
    assert isinstance(found, CredentialSettings) and (found.field, found.value) == (field, value)
    assert SECRET not in repr(service)


def test_without_them(tmp_path: Path) -> None:
    assert read(tmp_path, with_service("host: preserve")).services[0].settings.credentials is None


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ("header: x-api-key", "services.a.credentials: needs secret or secret_file"),
        (f"secret: {SECRET}, secret_file: x", "credentials.secret_file: stands beside secret"),
        ("secret_file: none", "credentials.secret_file: "),
        ("secret_file: bad", "credentials.secret_file: has something else than ASCII that can be printed"),
        ("secret: ''", "credentials.secret: is empty"),
        ("secret: 'a b '", "credentials.secret: has something else than ASCII"),
        (f"secret: {SECRET}, header: host", "credentials.header: 'host' cannot be changed"),
        (f"secret: {SECRET}, scheme: 'a b'", "credentials.scheme: expected the name of a scheme"),
        (f"secrets: {SECRET}", "did you mean 'secret'"),
    ],
)
def test_what_cannot_be_used(tmp_path: Path, keys: str, expected: str) -> None:
    (tmp_path / "bad").write_text("schlüssel\n")
    found = problems(tmp_path, with_service(f"credentials: {{{keys}}}"))
    assert any(expected in one for one in found), found
    assert not any(SECRET in one or "schl" in one for one in found)


def test_they_are_compared_and_not_shown(tmp_path: Path) -> None:
    old, new = (read(tmp_path, with_service(f"credentials: {{secret: {one}}}")) for one in (SECRET, SECRET[::-1]))
    (line,) = changes(old, new)
    assert line == "service a: credentials changed (not shown)"
    told = json.dumps(described(old))
    assert SECRET not in told and described(old)["services"]["a"]["credentials"] == "(not shown)"


def test_in_clear_to_another_host_is_warned_of(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "gw.yaml"
    text = with_service(f"credentials: {{secret: {SECRET}}}")
    for address, said in (("127.0.0.1:19000", ""), ("10.0.0.1:19000", "pass in clear to 10.0.0.1:19000: give the")):
        path.write_text(text.replace("127.0.0.1:19000", address))
        assert check(str(path), as_json=False) == 0
        told = capsys.readouterr()
        assert said in told.err + told.out and ("pass in clear" in told.err + told.out) == bool(said)
        assert SECRET not in told.err + told.out


@pytest.mark.parametrize("redacts", [True, False])
def test_errors_are_redacted_unless_the_file_says_otherwise(tmp_path: Path, registry: Registry, redacts: bool) -> None:
    keys = f"credentials: {{secret: {SECRET}{'' if redacts else ', redact: false'}}}"
    (service,) = compiled(read(tmp_path, with_service(keys)), registry).services
    assert [isinstance(one, Redactor) for one in service.minds or ()] == [False, True][: 1 + redacts]
