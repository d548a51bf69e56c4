"""Regular expressions: what is taken, what it means, and that no path can make one try again and again."""

from __future__ import annotations

import re

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from fastgw.config import patterns
from fastgw.config.patterns import MOST_TRIES, read
from tests.support.examples import examples


@pytest.mark.parametrize(
    ("pattern", "path", "groups"),
    [
        ("/api/(.*)", "/api/a/b", ("a/b",)),
        ("^/api/(.*)$", "/api/", ("",)),
        ("/api/(.*)", "/v1/api/x", None),  # the whole path, and no part of it
        (r"/v([0-9]+)/([^/]+)/(.*)", "/v12/users/7/x", ("12", "users", "7/x")),
        (r"/(?:en|de)(/.*)?", "/de", (None,)),
        (r"/(?:en|de)(/.*)?", "/en/a", ("/a",)),
        (r"/files/(.*)\.txt", "/files/a.txt.txt", ("a.txt",)),
        (r"/files/(.*?)/(x)", "/files/a/b/x", ("a/b", "x")),
        (r"/\d{2,4}-\w+", "/123-a_B9", ()),
        (r"/\d{2,4}-\w+", "/12345-a", None),
        (r"/[\w.-]+\.git/(info|objects)", "/a-b.c/info", None),
        (r"/a\$", "/a$", ()),
        (r"/[^\w/]{2}", "/-.", ()),
        (r"/\D\W", "/a-", ()),
        ("/(.*)/v1/(.*)", "/a/v1/v1/b", ("a/v1", "b")),
        ("/(.*)/(.+)", "/a/b/", ("a", "b/")),
        (r"/(.*)/([^/]+)\.(json|xml)", "/a/b/c.d.json", ("a/b", "c.d", "json")),
        (r"/x{,3}", None, None),
        ("(/v1)?(/.*)", "/v1/a", ("/v1", "/a")),
        ("(/v1)?(/.*)", "/v2", (None, "/v2")),
        ("(/v1)??(/.*)", "/v1/a", (None, "/v1/a")),
        ("/a|/b", "/b", ()),
        ("/a{2}", "/aa", ()),
        ("/a{2,}", "/aaa", ()),
    ],
)
def test_what_a_pattern_takes(pattern: str, path: str | None, groups: tuple[str | None, ...] | None) -> None:
    if path is None:
        with pytest.raises(ValueError):
            read(pattern)
        return
    found = re.fullmatch(read(pattern).text, path)
    assert (found.groups() if found else None) == groups


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        ("(a+)+", "a group is not repeated"),
        ("(a|b)*", "a group is not repeated"),
        ("/([^/]+/){2}x", "a group is not repeated"),
        ("a**", "a repetition is not repeated"),
        ("a++", "a repetition is not repeated"),
        ("/.*/.*x", "too many ways"),
        ("/.*/.+x", "too many ways"),
        ("/.*[^/]+x", "too many ways"),
        ("/(.*)/(.*)/([^/]+)", "too many ways"),
        ("/[a-z]*[a-y]*[a-x]*!", "too many ways"),
        ("(/.*)?/.+x", "too many ways"),
        ("a?a?a?a?a?a?a?aaaaaaa", "choices overlap"),
        ("(x|xy)" * 7, "choices overlap"),
        ("[a-z]{1,70}z", "choices overlap"),
        (r"(.)\1", "escapes are"),
        (r"/\s", "escapes are"),
        (r"/a\b", "escapes are"),
        ("/a\\", "escapes are"),
        ("(?=a)", "groups are"),
        ("(?P<a>b)", "groups are"),
        ("(?i:b)", "groups are"),
        ("/(a", "this '(' is not closed (character 2)"),
        ("/a)", "this ')' closes nothing (character 3)"),
        ("^/a)", "this ')' closes nothing (character 4)"),
        ("/[a", "this '[' is not closed (character 2)"),
        ("/[]", "takes nothing"),
        ("/[^\\d\\D]", "takes nothing"),
        ("/[z-a]", "no range"),
        ("/[\\d-z]", "no range"),
        ("/[[:alpha:]]", "'\\[' is the character itself"),
        ("*a", "'*' has nothing to repeat; '\\*' is the character itself"),
        ("/a{x}", "expected {2}, {2,} or {2,5}"),
        ("/a{3,2}", "the smaller number first"),
        ("/a{300}", "at most 255 times"),
        ("/a{", "expected {2}"),
        ("/a^", "'^' is special here"),
        ("/a$b", "'$' is special here"),
        ("/é", "is in no path"),
        ("/a b", "is in no path"),
        ("(?:" * 12 + ")" * 12, "groups stand within each other"),
        ("(a)" * 10, "more than 9 groups"),
        ("a" * 501, "longer than 500"),
    ],
)
def test_what_is_not_taken(pattern: str, said: str) -> None:
    with pytest.raises(ValueError) as caught:
        read(pattern)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("pattern", "leading"),
    [
        ("/a", (True,)),
        ("(/.*)", (True, True)),
        ("(.*)", (False, False)),
        ("/v1(/.*)?", (True, False)),
        ("(?:(/a)|(b))", (False, True, False)),
        ("(/a|/b)", (True, True)),
        ("((/a)b)?", (False, False, True)),
        ("[/]x", (True,)),
        ("/?x", (False,)),
    ],
)
def test_what_begins_with_a_slash(pattern: str, leading: tuple[bool, ...]) -> None:
    assert read(pattern).leading == leading


class Steps:
    """A matcher as simple as can be, that goes back wherever there is something to try again, and counts what it does."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.count = 0

    def match(self, sequence: list[object], place: int) -> bool:
        self.count += 1
        if not sequence:
            return place == len(self.path)
        one, rest = sequence[0], sequence[1:]
        if isinstance(one, patterns._Group):
            ways = [[*alternative, *rest] for alternative in one.alternatives]
            if one.is_optional:
                ways.insert(0 if one.is_lazy else len(ways), rest)
            return any(self.match(way, place) for way in ways)
        assert isinstance(one, patterns._Item)
        ends = [place] if one.least == 0 else []
        end = place
        while (
            end < len(self.path)
            and one.bits >> ord(self.path[end]) & 1
            and (one.most is None or end - place < one.most)
        ):
            self.count += 1
            end += 1
            if end - place >= one.least:
                ends.append(end)
        return any(self.match(rest, end) for end in (ends if one.is_lazy else reversed(ends)))


def steps(pattern: str, path: str) -> int:
    reader = patterns._Reader(pattern, 0)
    one = Steps(path)
    one.match([patterns._Group(0, reader.alternatives(0))], 0)
    return one.count


ATOM = st.sampled_from(["a", "b", "/", ".", "[ab]", "[^/]", "[^a]", "\\w"])
TIMES = st.sampled_from(["", "", "", "?", "*", "+", "*?", "{1,3}", "{2,}"])
SINGLE = st.builds(str.__add__, ATOM, TIMES)
PATTERN = st.recursive(
    st.lists(SINGLE, min_size=1, max_size=4).map("".join),
    lambda inner: st.builds(
        "{}({}|{}){}{}".format, inner, inner, inner, st.sampled_from(["", "?"]), st.sampled_from(["", "b", "/a+"])
    ),
    max_leaves=6,
)


@settings(max_examples=examples(120), deadline=None)
@given(pattern=PATTERN, path=st.text("ab/", max_size=20), tail=st.sampled_from(["", "!", "/a!"]))
def test_no_path_makes_a_pattern_try_more_than_in_proportion(pattern: str, path: str, tail: str) -> None:
    try:
        read(pattern)
    except ValueError:
        assume(False)
    assert steps(pattern, path * 3 + tail) <= 4 * MOST_TRIES * len(pattern) * (3 * len(path) + len(tail) + 4)


@pytest.mark.parametrize(
    "pattern",
    [
        "/(.*)/edit",
        r"/v([0-9]+)/([^/]+)/(.*)",
        "(/v1)?(/.*)",
        r"/files/(.*)\.txt",
        "/([^/]+)/([^/]+)/x",
        "/(.*)/v1/(.*)",
    ],
)
@pytest.mark.parametrize("piece", ["/", "a", "/v1", "/edit", ".txt", "/a"])
def test_steps_grow_as_the_path_does(pattern: str, piece: str) -> None:
    read(pattern)
    few, many = (steps(pattern, piece * times + "!") for times in (100, 200))
    assert many <= 2.2 * few


def test_steps_of_what_is_refused_do_grow() -> None:
    """The count above can tell: it is far beyond what is allowed for a pattern that is refused."""
    assert steps("(a|aa)(a|aa)(a|aa)(a|aa)(a|aa)(a|aa)(a|aa)(a|aa)!", "a" * 16) > 20 * steps("(a|aa)!", "a" * 16)
    assert steps("/.*/.*/.*!", "/" * 60) > 60 * steps("/.*!", "/" * 60)


@settings(max_examples=examples(120), deadline=None)
@given(pattern=PATTERN, path=st.text("ab/", max_size=12))
def test_what_is_written_means_what_was_read(pattern: str, path: str) -> None:
    try:
        text = read(pattern).text
    except ValueError:
        assume(False)
    ours, pythons = re.fullmatch(text, path), re.fullmatch(pattern, path)
    assert (ours and ours.groups()) == (pythons and pythons.groups())
