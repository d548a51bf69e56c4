"""``basic`` in the file: the users, and what is told of mistakes."""

from __future__ import annotations

from pathlib import Path

import pytest

from fastgw.config.filters import basic
from fastgw.config.load import inspect
from tests.unit.config.files import MINIMAL, problems, read


def with_keys(keys: str) -> str:
    return MINIMAL + f"filters: {{auth: {{type: basic, {keys}}}}}"


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ("file: users", []),
        ("realm: x", ["7:11: filters.auth.file: is required"]),
        ("file: none", ["7:37: filters.auth.file: FOLDER/none cannot be read: No such file or directory"]),
        (
            "file: bad",
            ["7:37: filters.auth.file: FOLDER/bad: line 1 has no password as bcrypt; 'htpasswd -B' writes such"],
        ),
        ("file: users, header: host", None),
        (
            "file: users, header: authorization",
            ["7:52: filters.auth.header: 'authorization' is where user and password are"],
        ),
        (
            "file: users, realm: 'a\"b'",
            ["7:51: filters.auth.realm: expected a realm of ASCII without quotes and backslashes, got 'a\"b'"],
        ),
    ],
)
def test_what_is_wrong_is_told_with_its_line(tmp_path: Path, keys: str, expected: list[str] | None) -> None:
    (tmp_path / "bad").write_text("ann:secret")
    found = problems(tmp_path, with_keys(keys))
    assert "secret" not in str(found)
    if expected is None:
        assert len(found) == 1 and "'host' cannot be changed" in found[0]
    else:
        assert found == [one.replace("FOLDER", str(tmp_path)) for one in expected]


def test_without_the_package_it_is_said_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(basic, "find_spec", lambda name: None)
    assert problems(tmp_path, with_keys("file: users")) == [
        "7:24: filters.auth.type: needs the package bcrypt: pip install 'fastgw[basic]'"
    ]


def test_a_file_that_everybody_can_read_is_a_warning(tmp_path: Path) -> None:
    path = tmp_path / "gw.yaml"
    path.write_text(with_keys("file: users"))
    for mode, is_told in ((0o640, False), (0o644, True)):
        (tmp_path / "users").chmod(mode)
        said = [str(one) for one in inspect(path, {}, 0.0).warnings if "no chain" not in str(one)]
        told = f"{path}:7:37: filters.auth.file: everybody on this host can read {tmp_path}/users; chmod o-r is meant"
        assert said == ([told] if is_told else [])


def test_what_the_filter_gets(tmp_path: Path) -> None:
    assert dict(read(tmp_path, with_keys("file: users")).filters[0].options) == {
        "file": str(tmp_path / "users"),
        "realm": "",
        "forward": False,
        "header": "",
        "cache": 4096,
    }
