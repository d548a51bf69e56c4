"""``fastgw keys``: what is made, shown and taken out, and that the file is always whole."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from fastgw.cli import keys
from fastgw.cli.main import main
from fastgw.filters.key_file import ApiKey, digest_of, is_secret, parse_keys

NOW = 1_800_000_000.0


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "keys.json")


def read(path: str) -> dict[str, bytes]:
    return {one.name: one.digest for one in parse_keys(Path(path).read_bytes())}


def test_a_new_key_is_shown_once(path: str, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = [
        "keys",
        "new",
        path,
        "ann",
        "--limit",
        "100/s:200",
        "--limit",
        "max=7",
        "--route",
        "chat",
        "--expires",
        "2099-01-01",
    ]
    labels = ["--label", "team=search", "--label", "project=a"]
    assert main([*arguments, *labels, "--model", "gpt-*", "--guardrails", "strict"]) == 0
    shown = capsys.readouterr()
    secret = shown.out.strip()
    assert is_secret(secret) and secret not in shown.err
    assert read(path) == {"ann": digest_of(secret.encode())}
    assert secret not in Path(path).read_text()
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    assert main(["keys", "list", path]) == 0
    listed = capsys.readouterr().out.splitlines()
    assert [one.split()[0] for one in listed] == ["NAME", "ann"]
    digest = digest_of(secret.encode()).hex()
    assert digest not in listed[1]
    assert listed[1].split()[1:3] == ["active", digest[:8]]
    assert listed[1].split()[4:] == [
        "2099-01-01T00:00:00Z",
        "100/s:200",
        "max=7",
        "chat",
        "gpt-*",
        "team=search",
        "project=a",
        "strict",
    ]


def test_a_key_is_taken_out(path: str, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("ann", "bob"):
        assert main(["keys", "new", path, name]) == 0
    assert main(["keys", "revoke", path, "ann"]) == 0
    assert list(read(path)) == ["bob"]
    assert main(["keys", "revoke", path, "ann"]) == 1
    assert capsys.readouterr().err.endswith(f"fastgw keys: {path}: there is no key 'ann'\n")


def test_what_cannot_be_done_changes_nothing(path: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert keys.new(path, "ann", now=NOW) == 0
    before = Path(path).read_bytes()
    capsys.readouterr()
    for arguments, said in (
        ({"name": "ann"}, "there is a key 'ann' already; revoke or rotate it, or choose another name"),
        ({"name": "a b"}, "'a b' is no name of letters, digits, '_', '.', '@' and '-'"),
        ({"name": "bob", "expires": NOW}, "it would have expired already"),
        ({"name": "bob", "labels": [("a", "b"), ("a", "c")]}, "two of the labels have the same name"),
    ):
        assert keys.new(path, now=NOW, **arguments) == 1  # type: ignore[arg-type]
        assert capsys.readouterr() == ("", f"fastgw keys: {path}: {said}\n")
    assert Path(path).read_bytes() == before
    assert os.listdir(os.path.dirname(path)) == ["keys.json"]


def one(path: str) -> ApiKey:
    (found,) = parse_keys(Path(path).read_bytes())
    return found


def test_a_key_is_changed_for_another(path: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["keys", "new", path, "ann", "--label", "team=search"]) == 0
    first, before = capsys.readouterr().out.strip(), one(path)
    assert keys.rotate(path, "ann", 3600, now=NOW) == 0
    second, after = capsys.readouterr().out.strip(), one(path)
    assert is_secret(second) and after.digest == digest_of(second.encode())
    assert after.former == (digest_of(first.encode()), NOW + 3600)
    assert after._replace(digest=before.digest, former=None, created=before.created) == before
    assert keys.show(path, now=NOW + 1) == 0
    assert "active, rotating" in capsys.readouterr().out
    assert keys.show(path, now=NOW + 3601) == 0
    assert "rotating" not in capsys.readouterr().out
    assert main(["keys", "rotate", path, "ann", "--grace", "0s", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["name"] == "ann" and is_secret(told["key"]) and one(path).former is None
    assert main(["keys", "rotate", path, "bob"]) == 1
    assert "there is no key 'bob'" in capsys.readouterr().err


def test_a_key_is_disabled_and_enabled(path: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["keys", "new", path, "ann", "--expires", "30d"]) == 0
    ends = one(path).expires
    assert ends is not None and 29 * 86400 < ends - time.time() <= 30 * 86400
    for word, state in (("disable", "disabled"), ("enable", "active")):
        assert main(["keys", word, path, "ann"]) == 0
        capsys.readouterr()
        assert main(["keys", "show", path, "ann", "--json"]) == 0
        told = json.loads(capsys.readouterr().out)
        assert (told["name"], told["state"], len(told["sha256"])) == ("ann", state, 8)
    assert keys.show(path, now=ends + 1) == 0 and "expired" in capsys.readouterr().out
    assert main(["keys", "list", path, "--json"]) == 0
    assert [found["name"] for found in json.loads(capsys.readouterr().out)] == ["ann"]
    assert main(["keys", "show", path, "ann"]) == 0
    assert "state    active" in capsys.readouterr().out
    assert main(["keys", "show", path, "bob"]) == 1


def test_a_file_that_is_broken_stays_as_it_is(path: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path(path).write_text("{")
    assert keys.new(path, "ann") == keys.revoke(path, "ann") == keys.show(path) == 1
    assert Path(path).read_text() == "{"
    assert capsys.readouterr().err.count("is no JSON") == 3


@pytest.mark.parametrize("command", ["list", "revoke"])
def test_only_new_begins_a_file(path: str, command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["keys", command, path, *(["ann"] if command == "revoke" else [])]) == 1
    assert capsys.readouterr().err == f"fastgw keys: {path}: No such file or directory\n"
    assert not os.path.exists(path)


def test_its_mode_and_a_link_to_it_stay(path: str, tmp_path: Path) -> None:
    assert keys.new(path, "ann") == 0
    os.chmod(path, 0o640)
    link = tmp_path / "link"
    link.symlink_to("keys.json")
    assert keys.new(str(link), "bob") == 0
    assert link.is_symlink() and list(read(path)) == ["ann", "bob"]
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o640


def test_what_fails_in_the_middle_leaves_the_old_file(
    path: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert keys.new(path, "ann") == 0

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    capsys.readouterr()
    monkeypatch.setattr(os, "fsync", full)
    assert keys.new(path, "bob") == 1
    assert capsys.readouterr() == ("", f"fastgw keys: {path}: No space left on device\n")
    assert list(read(path)) == ["ann"] and os.listdir(os.path.dirname(path)) == ["keys.json"]


def test_many_at_one_time_lose_nothing(path: str) -> None:
    code = f"from fastgw.cli.main import main; import sys; sys.exit(main(['keys', 'new', {path!r}, sys.argv[1]]))"
    made = [subprocess.Popen([sys.executable, "-c", code, f"k{number}"], stdout=-3, stderr=-3) for number in range(4)]
    assert [one.wait(60) for one in made] == [0] * 4
    assert sorted(read(path)) == ["k0", "k1", "k2", "k3"]


@pytest.mark.parametrize(
    "arguments",
    [
        ["new", "f", "ann", "--limit", "x"],
        ["new", "f", "ann", "--expires", "soon"],
        ["new", "f", "ann", "--label", "x"],
        ["new", "f", "ann", "--model", "*x*"],
        ["rotate", "f", "ann", "--grace", "soon"],
        ["show", "f"],
        [],
    ],
)
def test_wrong_arguments(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["keys", *arguments])
    assert caught.value.code == 2
    assert capsys.readouterr().err
