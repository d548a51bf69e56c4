"""What a service says of an error, without what is not for its clients: keys, accounts, and names of machines behind it.

A text is taken apart into *words*, at blanks and at what stands around values (quotes, brackets, ``=``, ``,``), and each word is looked at
by itself, so that the work is linear in the text.  A word goes, and ``[redacted]`` stands in its place, where it is

    the key           that is sent to the service: all of it, a piece of 8 characters, its beginning or end, also around a mask
    another key       by how those of well-known services begin, a JSON Web Token, or what has ``***`` in it
    an account        ``org-...``, ``proj_...``, an ARN; or an identifier behind a word such as *organization*
    a machine         a host of the service itself; private addresses, names without a public end, URLs of those
    a path of files   ``/home/...``, as tracebacks have it
    too long          for a person to read

All else stays as it is: the message, and what SDKs tell errors apart by (``code``, ``type``, ``param``).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Final

MARK: Final = "[redacted]"
WORD_MAX: Final = 1024  #: characters of one word
DEPTH_MAX: Final = 32  #: of a document; deeper ones are not told at all
KEPT: Final = frozenset(
    {"code", "type", "param", "status", "object"}
)  #: keys by which clients tell errors apart: of those the key alone goes
_PIECE: Final = 8  #: characters of a piece of the key that is known for one
_END: Final = 4  #: of its end, which services like to tell
_WORDS: Final = re.compile(r"""[^\s"'`<>(){}\[\],;|=\\]+""")
_POINTS: Final = ".,:;!?"
_MASK: Final = re.compile("[*\u2022]{2,}|\\.{2,}|\u2026|[xX]{4,}")
_STARS: Final = re.compile("[*\u2022]{3,}")
_KEY: Final = re.compile(
    "(?:sk|pk|rk)[-_][\\w.*\u2022\u2026-]{6,}"  # OpenAI, Anthropic and others
    r"|(?:gsk|hf|r8|xai|pplx|nvapi|fw|csk|tgp|ghp|glpat)[_-][\w-]{10,}"
    r"|AIza[\w-]{20,}|(?:AKIA|ASIA)[A-Z0-9]{12,}"
    r"|eyJ[\w-]{8,}\.[\w-]{8,}\.?[\w-]*"
)
_ACCOUNT: Final = re.compile(
    r"(?:org|proj|user|acct|team|ws|wrkspc)[-_](?=[A-Za-z0-9]*[0-9])[A-Za-z0-9]{8,}|arn:aws[\w-]*:.+"
)
_NOUNS: Final = frozenset(
    {"organization", "organisation", "org", "project", "account", "workspace", "tenant", "subscription", "user", "team"}
)
_LINKS: Final = frozenset({"id", "is", "no", "number"})  #: may stand between such a noun and its identifier
_IDENTIFIER: Final = re.compile(r"(?=[\w-]*[0-9])[\w-]{6,}")
_URL: Final = re.compile(r"([a-z][a-z0-9+.-]{1,15})://+", re.IGNORECASE)
_HOST: Final = re.compile(r"([\w.-]+)(:[0-9]{1,5})?(?:[/?#].*)?", re.DOTALL)
_PRIVATE: Final = re.compile(
    r"(?:10|127)\.[0-9.]+|192\.168\.[0-9.]+|169\.254\.[0-9.]+|172\.(?:1[6-9]|2[0-9]|3[01])\.[0-9.]+"
    r"|100\.(?:6[4-9]|[7-9][0-9]|1[01][0-9]|12[0-7])\.[0-9.]+|localhost"
    r"|.+\.(?:local|localdomain|internal|lan|corp|intra|intranet|svc|pod|home\.arpa|cluster\.local)",
    re.IGNORECASE,
)
_PRIVATE_6: Final = re.compile(r"(?:f[cd][0-9a-f]{2}|fe80):[0-9a-f:.%\w]+|::1(?:/.*)?", re.IGNORECASE)
_LABEL: Final = re.compile(r"[a-z][a-z0-9-]*", re.IGNORECASE)
_FILES: Final = re.compile(r"/(?:home|root|usr|opt|app|srv|var|mnt|workspace|etc|tmp)/.+", re.DOTALL)


class Redaction:
    """What is taken out of the errors of one service."""

    __slots__ = ("_hosts", "_secret")

    def __init__(self, secret: str, hosts: Iterable[str] = ()) -> None:
        """``secret``: the key that is sent to it; ``hosts``: where it is reached."""
        self._secret = secret
        self._hosts = frozenset(one.lower() for one in hosts)

    def text(self, text: str) -> str:
        """``text`` without all that."""
        text = text.replace(self._secret, MARK) if self._secret else text
        out: list[str] = []
        last, is_noun = 0, False
        for found in _WORDS.finditer(text):
            word = found[0]
            bare = word.strip(_POINTS)
            lowered = bare.lower()
            if self._is_meant(bare) or (is_noun and _IDENTIFIER.fullmatch(bare)):
                start = found.start() + word.index(bare)
                out += (text[last:start], MARK)
                last = start + len(bare)
            is_noun = lowered in _NOUNS or (is_noun and lowered in _LINKS)
        return "".join((*out, text[last:])) if out else text

    def value(self, value: Any, depth: int = 0) -> Any:
        """A document of JSON without all that, in its texts; names of keys stay.

        Raises:
            ValueError: it is too deep.
        """
        if depth > DEPTH_MAX:
            raise ValueError(f"it is more than {DEPTH_MAX} deep")
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, list):
            return [self.value(one, depth + 1) for one in value]
        if isinstance(value, dict):
            return {key: self._of_key(key, one, depth + 1) for key, one in value.items()}
        return value

    def _of_key(self, key: str, value: Any, depth: int) -> Any:
        if key in KEPT and isinstance(value, str):
            return value.replace(self._secret, MARK) if self._secret else value
        return self.value(value, depth)

    def _is_meant(self, word: str) -> bool:
        if len(word) > WORD_MAX:
            return True
        if self._is_of_secret(word) or _KEY.fullmatch(word) or _STARS.search(word) or _ACCOUNT.fullmatch(word):
            return True
        return self._is_machine(word) or _FILES.fullmatch(word) is not None

    def _is_of_secret(self, word: str) -> bool:
        secret = self._secret
        if not secret or len(word) < _END or word == MARK.strip("[]"):
            return False
        if (len(word) >= _PIECE and word in secret) or secret.endswith(word):
            return True
        parts = _MASK.split(word)
        if len(parts) < 2:
            return False
        begins, ends = parts[0], parts[-1]
        return bool(begins + ends) and secret.startswith(begins) and secret.endswith(ends)

    def _is_machine(self, word: str) -> bool:
        scheme = _URL.match(word)
        rest = word[scheme.end() :] if scheme is not None else word.lstrip("/")
        if scheme is not None and "@" in rest.partition("/")[0]:
            return True  # a name and a password, most likely
        if _PRIVATE_6.fullmatch(rest):
            return True
        found = _HOST.fullmatch(rest)
        if found is None:
            return False
        host, port = found[1].lower(), found[2]
        if _PRIVATE.fullmatch(host) or (host in self._hosts and (scheme is not None or "." in host or port)):
            return True
        is_port = port is not None and len(port) >= 5
        return (scheme is not None or is_port) and _LABEL.fullmatch(host) is not None
