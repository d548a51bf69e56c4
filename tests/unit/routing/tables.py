"""Small tables and requests for the tests of routing, and the plain reading of the precedence rule."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from hypothesis import strategies as st

from fastgw.routing import Rule


def rule(
    name: str,
    path: str = "/",
    host: str = "",
    methods: Iterable[str] = (),
    headers: Mapping[str, str] | Iterable[tuple[str, str]] = (),
) -> Rule[str]:
    """A rule whose payload is its name."""
    pairs = headers.items() if isinstance(headers, Mapping) else headers
    return Rule(name, path, host, frozenset(methods), tuple(pairs), name)


def reader(headers: Mapping[str, str]) -> Callable[[bytes], bytes | None]:
    """What ``match`` reads headers with."""
    raw = {name.encode(): value.encode() for name, value in headers.items()}
    return raw.get


nothing = reader({})

# A universe small enough to try every request of it, and rich enough that a tie of two rules shows in one of them.
HOSTS = ["", "*.b", "*.a.b", "a.b", "c.a.b"]
REQUEST_HOSTS = ["", "b", "a.b", "c.a.b", "d.a.b", "x.b", "zz"]
METHODS = ["GET", "HEAD", "POST"]
HEADERS = ["x-a", "x-b"]
VALUES = ["1", "2"]

segments = st.sampled_from(["a", "b", "{p}", "{q}"])
paths = st.builds(
    lambda parts, end: "/" + "/".join([*parts, *end]),
    st.lists(segments, max_size=3, unique=True),
    st.sampled_from([[], [""], ["*"]]),
)
rules = st.builds(
    rule,
    st.just("?"),
    st.one_of(paths, st.just("*")),
    st.sampled_from(HOSTS),
    st.frozensets(st.sampled_from(METHODS), max_size=2),
    st.dictionaries(st.sampled_from(HEADERS), st.sampled_from([*VALUES, "*"])),
)
tables = st.lists(rules, min_size=1, max_size=8).map(
    lambda found: [Rule(f"r{i}", r.path, r.host, r.methods, r.headers, f"r{i}") for i, r in enumerate(found)]
)
request_paths = st.one_of(
    st.just("*"),
    st.lists(st.sampled_from(["a", "b", "c", ""]), min_size=1, max_size=5).map(lambda parts: "/" + "/".join(parts)),
)


def host_key(pattern: str, host: str) -> tuple[int, int] | None:
    """Larger is more specific; None: no match."""
    if pattern == "":
        return 0, 0
    if pattern.startswith("*."):
        tail = pattern[1:]
        return (1, len(tail)) if host.endswith(tail) and host != tail else None
    return (2, 0) if pattern == host else None


def path_key(pattern: str, path: str) -> tuple[int, ...] | None:
    """Larger is more specific: for each segment 3 literal, 2 parameter, 1 star."""
    if not path.startswith("/") or not pattern.startswith("/"):
        return (3,) if pattern == path else None
    wants, haves = pattern[1:].split("/"), path[1:].split("/")
    key: list[int] = []
    for place, want in enumerate(wants):
        if want == "*":
            return (*key, 1) if place < len(haves) else None
        if place >= len(haves):
            return None
        if want.startswith("{"):
            if not haves[place]:
                return None
            key.append(2)
        elif want == haves[place]:
            key.append(3)
        else:
            return None
    return tuple(key) if len(wants) == len(haves) else None


def naive_key(
    line: Rule[str], host: str, method: str, path: str, headers: Mapping[str, str]
) -> tuple[object, ...] | None:
    """The precedence of a rule for a request, larger wins; None: no match."""
    by_host, by_path = host_key(line.host, host), path_key(line.path, path)
    if by_host is None or by_path is None:
        return None
    if line.methods and method not in line.methods and not (method == "HEAD" and "GET" in line.methods):
        return None
    if any(name not in headers or want not in ("*", headers[name]) for name, want in line.headers):
        return None
    exact = sum(want != "*" for _, want in line.headers)
    return by_host, by_path, len(line.headers), bool(line.methods), exact


def naive_best(
    table: Iterable[Rule[str]], host: str, method: str, path: str, headers: Mapping[str, str]
) -> list[Rule[str]]:
    """The rules that nothing else is more specific than: one, none, or several where the table is ambiguous."""
    keyed = [(naive_key(line, host, method, path, headers), line) for line in table]
    matching = [(key, line) for key, line in keyed if key is not None]
    if not matching:
        return []
    top = max(key for key, _ in matching)
    best = [line for key, line in matching if key == top]
    if method == "HEAD" and len(best) > 1:
        # Where everything else is the same, a rule that names HEAD goes before one that takes it for GET.
        named = [line for line in best if "HEAD" in line.methods]
        if named and all(sorted(line.headers) == sorted(named[0].headers) for line in best):
            return named
    return best
