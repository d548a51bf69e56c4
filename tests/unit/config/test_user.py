"""``user:``: what it may say, and who can be that."""

from __future__ import annotations

import grp
import pwd
from pathlib import Path

import pytest

from fastgw.config.load import load
from fastgw.config.source import Document
from fastgw.config.spec import UserSpec
from fastgw.config.unsound import UNSOUND
from fastgw.config.user import check_user, named, user, user_of
from fastgw.errors import ConfigError

ROOT = pwd.getpwuid(0)
FREE = next(uid for uid in range(61000, 65000) if uid not in {one.pw_uid for one in pwd.getpwall()})
GROUP = grp.getgrall()[-1]

TEXT = """
listeners: [{address: "127.0.0.1:1"}]
routes: [{path: "/*", reply: {status: 204}}]
"""


def test_a_name_has_the_group_of_its_entry() -> None:
    assert user(ROOT.pw_name) == UserSpec(ROOT.pw_name, 0, ROOT.pw_gid)
    assert user("0") == user(ROOT.pw_name)  # a number of which there is an entry is that user, with its groups


def test_a_group_can_be_another() -> None:
    assert user(f"{ROOT.pw_name}:{GROUP.gr_name}") == UserSpec(ROOT.pw_name, 0, GROUP.gr_gid)
    assert user(f"0:{FREE}") == UserSpec(ROOT.pw_name, 0, FREE)


def test_a_number_without_an_entry_needs_its_group() -> None:
    assert user(f"{FREE}:{FREE}") == UserSpec("", FREE, FREE)
    with pytest.raises(ValueError, match="write user:group"):
        user(str(FREE))


@pytest.mark.parametrize("text", ["", ":", ":root", "root:"])
def test_half_of_it_is_nobody(text: str) -> None:
    with pytest.raises(ValueError, match="expected user or user:group"):
        user(text)


def test_who_is_not_there_is_told_with_the_line(tmp_path: Path) -> None:
    file = tmp_path / "g.yaml"
    file.write_text(f"user: no-such-user-here\n{TEXT}")
    with pytest.raises(ConfigError, match=r"g\.yaml:1:7: user: this host has no user 'no-such-user-here'"):
        load(file, {}, become=lambda _: None)


@pytest.mark.parametrize("tree", [None, [], {}, {"user": None}, {"user": "no-such-user-here"}, {"user": []}])
def test_a_file_that_names_nobody_names_nobody(tree: object) -> None:
    assert user_of(tree) is None


def test_what_is_wrong_by_itself_is_told_already() -> None:
    document = Document("f", {})
    document.parse("{}")
    check_user(document, UNSOUND, "/no/such/file", FREE)
    check_user(document, None, "/no/such/file", FREE)
    assert document.problems == []


def checked(wanted: str, source: str, now: int) -> list[str]:
    document = Document("f", {})
    document.parse(f'user: "{wanted}"\n{TEXT}')
    check_user(document, user(wanted), source, now)
    return [problem.message for problem in document.problems]


def test_root_can_be_anybody_and_everybody_who_they_are() -> None:
    assert checked(f"{FREE}:{FREE}", "/no/such/file", 0) == []
    assert checked(f"{FREE}:{FREE}", __file__, FREE) == []
    assert checked(f"{FREE}:{FREE}", "", FREE) == []  # from standard input


def test_others_cannot() -> None:
    (problem,) = checked(ROOT.pw_name, __file__, FREE)
    assert problem.startswith(f"this process runs as user {FREE}, and only root can become user {ROOT.pw_name}")


def test_a_file_that_a_reload_could_not_read_is_found_at_the_start() -> None:
    (problem,) = checked(f"{FREE}:{FREE}", "/no/such/file", FREE)
    assert "may not read this file, and a reload has to" in problem


def test_the_user_is_known_before_anything_else_is_looked_at(tmp_path: Path) -> None:
    file = tmp_path / "g.yaml"
    file.write_text(
        f'user: "{FREE}:{FREE}"\nlisteners: [{{address: "unix:{tmp_path}"}}]\nroutes: [{{path: nonsense}}]\n'
    )

    def become(who: UserSpec) -> None:
        raise ConfigError([f"{who.uid} it is"])

    with pytest.raises(ConfigError, match=f"^{FREE} it is$"):
        load(file, {}, become=become)


def test_who_only_looks_at_a_file_need_not_be_its_user(tmp_path: Path) -> None:
    file = tmp_path / "g.yaml"
    file.write_text(f'user: "{FREE}:{FREE}"\n{TEXT}')
    assert load(file, {}).user == UserSpec("", FREE, FREE)
    assert named(FREE) == f"user {FREE}" and named(0) == f"user {ROOT.pw_name}"
