"""The text of a route's path and host: what it may look like, and what it means.

A path is cut at its slashes.  A segment of the pattern is one of

    literal      ``detect``     equals the segment of the path, byte for byte
    parameter    ``{model}``    any one segment that is not empty
    ``*``        last only      whatever follows the slash in front of it, nothing included

so ``/a/*`` takes ``/a/`` and everything below, but not ``/a``; ``/*`` takes every path.  The pattern ``*`` alone is the
asterisk-form target of ``OPTIONS`` (RFC 9112 section 3.2.4), which is no path and which ``/*`` does not take.

Patterns are compared with paths that were normalised before (RFC 3986 section 6.2.2: dot segments removed, escapes in
upper case, unreserved characters unescaped).  Text that no such path can contain is refused when the table is built,
for a route that never matches is always a mistake.  Repeated slashes are kept in a path, and only a ``*`` takes what
is between them: an empty segment in the middle of a pattern is refused too, because what it means to a service is
anyone's guess.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

#: what two patterns share if they match the same paths: segments (``None`` = parameter), and whether ``*`` ends them
Extent = tuple[tuple["bytes | None", ...], bool]

#: how specific one segment is; of two patterns that match one path, the smaller tuple of these wins
LITERAL, PARAMETER, PREFIX = 0, 1, 2

_NAME = re.compile(r"\{([A-Za-z_][A-Za-z0-9_-]*)\}")
_PATH_CHARACTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~!$&'()+,;=:@%[]|")
_UNRESERVED = re.compile(r"[A-Za-z0-9._~-]")
_ESCAPE = re.compile(r"%([0-9A-Fa-f]{2})")
_LABELS = re.compile(r"[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*")
_IPV6 = re.compile(r"\[[0-9a-f:.]+\]")


@dataclass(frozen=True, slots=True)
class Pattern:
    """A path pattern, cut into segments."""

    segments: tuple[bytes | None, ...]  #: behind the leading slash, without a last ``*``; ``None`` = parameter
    names: tuple[tuple[int, str], ...]  #: (index into ``segments``, name) of each parameter
    is_prefix: bool

    @property
    def extent(self) -> Extent:
        """Equal for two patterns that match the same paths: names of parameters do not count."""
        return self.segments, self.is_prefix

    @property
    def is_exact(self) -> bool:
        """True if one path only is matched."""
        return not self.names and not self.is_prefix

    @property
    def order(self) -> tuple[int, ...]:
        """The precedence, segment by segment from the left.

        Among patterns that match one path the smallest tuple wins, and two equal tuples belong to one extent.
        """
        kinds = tuple(LITERAL if segment is not None else PARAMETER for segment in self.segments)
        return (*kinds, PREFIX) if self.is_prefix else kinds

    def __str__(self) -> str:
        """As the file has it, but for escapes."""
        names = dict(self.names)
        parts = [
            f"{{{names[place]}}}" if part is None else part.decode("latin-1")
            for place, part in enumerate(self.segments)
        ]
        path = "/".join([*parts, *(["*"] if self.is_prefix else [])])
        return path if path == "*" and not self.is_prefix else f"/{path}"

    def matches(self, path: bytes) -> bool:
        """Compare with a normalised path; slow and plain, for explanations (the trie is the fast way)."""
        return self._cut(path) is not None

    def params(self, path: bytes) -> dict[str, bytes]:
        """The parameters of a path, escapes kept as they came; empty if the path does not match."""
        if not self.names:
            return {}
        found = self._cut(path)
        return {} if found is None else {name: found[index] for index, name in self.names}

    def rest(self, path: bytes) -> bytes | None:
        """What a last ``*`` takes of a path, escapes kept as they came; None if there is none, or the path does not match."""
        found = self._cut(path) if self.is_prefix else None
        return None if found is None else found[-1]

    def _cut(self, path: bytes) -> list[bytes] | None:
        if path[:1] != b"/":
            return [path] if self.segments == (path,) and path == b"*" else None
        found = path[1:].split(b"/", len(self.segments))
        if len(found) != len(self.segments) + self.is_prefix:
            return None
        for want, have in zip(self.segments, found, strict=False):
            if have != want if want is not None else not have:
                return None
        return found


@lru_cache(maxsize=4096)
def parse_path(text: str) -> Pattern:
    """Cut a path pattern that has no problems (``path_problems``)."""
    if text == "*":
        return Pattern((b"*",), (), False)
    parts = text[1:].split("/")
    is_prefix = parts[-1] == "*"
    if is_prefix:
        parts.pop()
    names = tuple((index, part[1:-1]) for index, part in enumerate(parts) if part.startswith("{"))
    return Pattern(tuple(None if part.startswith("{") else part.encode() for part in parts), names, is_prefix)


def path_problems(text: str) -> list[str]:
    """Everything that keeps a path pattern from ever matching, as sentences that begin after 'the path ...'."""
    if text == "*":
        return []
    if not text.startswith("/"):
        return ["has no leading slash"]
    problems = []
    if "//" in text:
        problems.append("contains '//', an empty segment, which only a '*' matches")
    parts = text[1:].split("/")
    seen: set[str] = set()
    for index, part in enumerate(parts):
        if "{" in part or "}" in part:
            problem = _parameter_problem(part, seen)
        elif "*" in part:
            problem = _star_problem(part, index == len(parts) - 1)
        else:
            problem = _literal_problem(part)
        if problem and problem not in problems:
            problems.append(problem)
    return problems


def _parameter_problem(part: str, seen: set[str]) -> str:
    found = _NAME.fullmatch(part)
    if found is not None:
        name = found[1]
        if name in seen:
            return f"uses the parameter '{{{name}}}' more than once"
        seen.add(name)
        return ""
    if part.count("{") != part.count("}") or part.find("}") < part.find("{"):
        return f"has unbalanced braces in {part!r}"
    if part.startswith("{") and part.endswith("}") and part.count("{") == 1:
        return f"has a parameter {part!r} whose name is not made of letters, digits, '_' and '-'"
    return f"has a parameter inside {part!r}, but a parameter fills a whole segment"


def _star_problem(part: str, is_last: bool) -> str:
    if part != "*":
        return f"has a '*' inside {part!r}, but a '*' is a whole segment, the last one"
    return "" if is_last else "has a '*' that is not last"


def _literal_problem(part: str) -> str:
    if part in (".", ".."):
        return f"contains the segment {part!r}, which a normalised path never has"
    for character in part:
        if character in "?#":
            return f"contains {character!r}, which ends a path (a query is not part of it)"
        if character not in _PATH_CHARACTERS:
            escaped = "".join(f"%{byte:02X}" for byte in character.encode("utf-8", "surrogatepass"))
            return f"contains {character!r}, which is written {escaped} in a request"
    if part.count("%") != len(_ESCAPE.findall(part)):
        return f"has a '%' in {part!r} without two hexadecimal digits"
    for escape in _ESCAPE.finditer(part):
        character = chr(int(escape[1], 16))
        if character == "\0":
            return "contains '%00', which a request may not have"
        if _UNRESERVED.fullmatch(character):
            return f"contains {escape[0]!r}, which a normalised path has as {character!r}"
        if escape[0] != escape[0].upper():
            return f"contains {escape[0]!r}, which a normalised path has as {escape[0].upper()!r}"
    return ""


def host_problems(text: str) -> list[str]:
    """Everything that keeps a host pattern from ever matching, as sentences that begin after 'the host ...'."""
    host = text.lower()
    if host == "":
        return []
    if host == "*":
        return ["is '*'; leave it out to match any host"]
    name = host[2:] if host.startswith("*.") else host
    if _IPV6.fullmatch(host):
        return []
    if not host.isascii():
        return ["is not ASCII; write the name in its 'xn--' form"]
    if ":" in host or "/" in host:
        return ["is more than a name: no scheme, no port, no path"]
    if "*" in name:
        return ["has a '*' that is not the whole first label"]
    if not _LABELS.fullmatch(name) or len(name) > 253:
        return ["is not a host name"]
    return []


def host_order(host: str) -> tuple[int, int]:
    """The precedence of a host pattern among those that match one host: the smallest wins."""
    if not host:
        return 2, 0
    return (1, -len(host)) if host.startswith("*.") else (0, 0)


def host_matches(pattern: str, host: str) -> bool:
    """Compare two lower-case hosts; slow and plain, for explanations."""
    if pattern.startswith("*."):
        return host.endswith(pattern[1:]) and len(host) >= len(pattern)
    return pattern in ("", host)
