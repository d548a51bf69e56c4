"""``fastgw keys``: makes, shows, changes and revokes the keys that a filter ``api_key`` knows.

The file is replaced as a whole, by a rename, so that no gateway ever reads half of it; what changes it meanwhile waits for a lock.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import json
import os
import re
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from fastgw.cli.parts import Help
from fastgw.cli.replacing import replace
from fastgw.filters.key_file import (
    ApiKey,
    FormerKey,
    KeyLimit,
    digest_of,
    dump_keys,
    label_of,
    limit_of,
    model_of,
    moment,
    new_secret,
    parse_keys,
    refuse_name,
    told_key,
    told_moment,
)
from fastgw.filters.secret_file import read_file

_ABOUT = """\
Make, show, change and revoke the keys that a filter of type api_key knows.  Their file is replaced as a whole; running
gateways read it again within a second.  It has the hash of each key: the key itself is printed once, by "new" and "rotate".

Exit code: 0 done; 1 not done, and why; 2 wrong arguments."""

_EXAMPLES = """\
examples:
  fastgw keys new keys.json ann
  fastgw keys new keys.json batch --limit 100/s:200 --limit tokens=1000000/d --model 'gpt-*' --label team=search --expires 90d
  fastgw keys list keys.json
  fastgw keys rotate keys.json batch --grace 2d          a new key; the old one is good for two more days
  fastgw keys disable keys.json ann                      until: fastgw keys enable keys.json ann
  fastgw keys revoke keys.json ann
what is left of the limits of models of a key, a running gateway tells: fastgw limits -c gateway.yaml --key ann"""

_TIME = re.compile(r"([0-9]{1,6})([smhdw])").fullmatch
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_GRACE: Final = 86400.0  #: seconds that a key is good beside the one that takes its place
_DIGEST: Final = 8  #: characters of a hash that are shown: enough to tell keys apart


def add(parser: argparse.ArgumentParser) -> None:
    """Its arguments."""
    parser.description, parser.epilog = _ABOUT, _EXAMPLES
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION", title="actions")
    made = _action(actions, "new", "make a key and print it", is_new=True)
    made.add_argument(
        "--limit",
        action="append",
        default=[],
        type=_fit(limit_of),
        metavar="[UNIT=]RATE",
        help="such as 100/s, or with a burst 100/s:200; of models tokens=100000/m, cost=5/d or max=20; may be repeated",
    )
    made.add_argument("--route", action="append", default=[], metavar="NAME", help="it is for; by default all")
    made.add_argument(
        "--model",
        action="append",
        default=[],
        type=_fit(model_of),
        metavar="PATTERN",
        help="it may ask for, such as gpt-oss or 'embed-*'; by default all",
    )
    made.add_argument(
        "--label",
        action="append",
        default=[],
        type=_fit(label_of),
        metavar="NAME=VALUE",
        help="such as team=search, for logs and limits; may be repeated",
    )
    made.add_argument("--guardrails", type=_fit(_set_name), metavar="NAME", help="set of rules of a filter guardrails")
    made.add_argument(
        "--expires", type=_fit(_end), metavar="TIME", help="30d from now, 2027-01-31, or 2027-01-31T12:00:00Z"
    )
    _action(actions, "list", "show what is known of each key", is_of_one=False)
    _action(actions, "show", "show what is known of one key")
    rotated = _action(actions, "rotate", "make another key in the place of one, and print it")
    rotated.add_argument(
        "--grace",
        type=_fit(_seconds),
        default=_GRACE,
        metavar="TIME",
        help="how long the old one is good beside it, such as 12h; 0s: not at all; without it 1d",
    )
    for word, what in (("disable", "have a key refused"), ("enable", "have a disabled key good again")):
        _action(actions, word, what, is_told=False)
    _action(actions, "revoke", "take a key out", is_told=False)


def _action(
    actions: Any, word: str, what: str, *, is_new: bool = False, is_of_one: bool = True, is_told: bool = True
) -> argparse.ArgumentParser:
    one: argparse.ArgumentParser = actions.add_parser(word, help=what, formatter_class=Help)
    where = "the keys; made if it is not there, for its owner alone (0600)" if is_new else "the keys"
    one.add_argument("file", metavar="FILE", help=where)
    if is_of_one:
        whose = "whose key it is" + (", for logs and limits" if is_new else "")
        one.add_argument("name", metavar="NAME", help=whose)
    if is_told:
        one.add_argument("--json", action="store_true", help="for tools")
    return one


def run(options: argparse.Namespace) -> int:
    """Do it; return the exit code."""
    path, action = options.file, options.action
    if action == "list":
        return show(path, as_json=options.json)
    if action == "show":
        return show(path, options.name, as_json=options.json)
    if action == "new":
        return new(
            path,
            options.name,
            expires=options.expires,
            limits=options.limit,
            routes=options.route,
            models=options.model,
            labels=options.label,
            guardrails=options.guardrails or "",
            as_json=options.json,
        )
    if action == "rotate":
        return rotate(path, options.name, options.grace, as_json=options.json)
    if action == "revoke":
        return revoke(path, options.name)
    return turn(path, options.name, is_disabled=action == "disable")


def _fit(read: Callable[[str], Any]) -> Callable[[str], Any]:
    """``read`` as argparse wants it: what it says of a mistake is shown."""

    def fit(text: str) -> Any:
        try:
            return read(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return fit


def _set_name(text: str) -> str:
    refuse_name(text)
    return text


def _end(text: str) -> float:
    return time.time() + _seconds(text) if _TIME(text) else moment(text)


def _seconds(text: str) -> float:
    found = _TIME(text)
    if found is None:
        raise ValueError(f"{text!r} is no time such as 30m, 12h, 7d or 2w")
    return float(int(found[1]) * _SECONDS[found[2]])


def new(
    path: str,
    name: str,
    *,
    expires: float | None = None,
    limits: Sequence[KeyLimit | tuple[str, str]] = (),
    routes: Sequence[str] = (),
    models: Sequence[str] = (),
    labels: Sequence[tuple[str, str]] = (),
    guardrails: str = "",
    as_json: bool = False,
    now: float | None = None,
) -> int:
    """Make a key and print it: nobody can show it again.  ``now``: seconds since 1970."""
    created = time.time() if now is None else now

    def more(keys: tuple[ApiKey, ...]) -> tuple[ApiKey, ...]:
        refuse_name(name)
        if any(one.name == name for one in keys):
            raise ValueError(f"there is a key {name!r} already; revoke or rotate it, or choose another name")
        if expires is not None and expires <= created:
            raise ValueError("it would have expired already")
        if len(dict(labels)) < len(labels):
            raise ValueError("two of the labels have the same name")
        return (*keys, made)

    secret = new_secret()
    made = ApiKey(
        name,
        digest_of(secret.encode()),
        created,
        expires,
        tuple(one for one in limits if isinstance(one, KeyLimit)),
        tuple(routes),
        tuple(models),
        dict(labels),
        of_models=tuple(one for one in limits if not isinstance(one, KeyLimit)),
        guardrails=guardrails,
    )
    if not _changed(path, more, may_begin=True):
        return 1
    _tell_secret(path, name, secret, as_json)
    return 0


def rotate(path: str, name: str, grace: float, *, as_json: bool = False, now: float | None = None) -> int:
    """Make another key in the place of one, with all that is said of it, and print it.  ``grace``: seconds that the old one is good
    beside it; one that was rotated before is good no more."""
    moment_now = time.time() if now is None else now
    secret = new_secret()

    def other(key: ApiKey) -> ApiKey:
        former = FormerKey(key.digest, moment_now + grace) if grace else None
        return key._replace(digest=digest_of(secret.encode()), created=moment_now, former=former)

    if not _one_changed(path, name, other):
        return 1
    _tell_secret(path, name, secret, as_json)
    return 0


def turn(path: str, name: str, *, is_disabled: bool) -> int:
    """Have a key refused, or good again."""
    return 0 if _one_changed(path, name, lambda key: key._replace(is_disabled=is_disabled)) else 1


def revoke(path: str, name: str) -> int:
    """Take a key out."""
    return 0 if _one_changed(path, name, lambda _: None) else 1


def show(path: str, name: str | None = None, *, as_json: bool = False, now: float | None = None) -> int:
    """Print what is known of each key, or of the one with this name; never more than the beginning of a hash."""
    try:
        keys = parse_keys(read_file(path))
        if name is not None:
            keys = (_of(keys, name),)
    except (OSError, ValueError) as error:
        return _failed(path, error)
    moment_now = time.time() if now is None else now
    if as_json:
        told = [_told(one, moment_now) for one in keys]
        print(json.dumps(told if name is None else told[0], indent=2))
    elif name is not None:
        _print_columns([(key, _as_text(value)) for key, value in _told(keys[0], moment_now).items()])
    else:
        head = ("NAME", "STATE", "SHA-256", "CREATED", "EXPIRES", "LIMITS", "ROUTES", "MODELS", "LABELS", "GUARDRAILS")
        _print_columns([head, *(_row(one, moment_now) for one in keys)])
    return 0


def _told(key: ApiKey, now: float) -> dict[str, Any]:
    """As the file has it, but for the hashes, and with its state."""
    found = told_key(key)
    found["sha256"] = found["sha256"][:_DIGEST]
    if key.former is not None:
        found["former"] = {"sha256": found["former"]["sha256"][:_DIGEST], "until": found["former"]["until"]}
    return found | {"state": _state(key, now)}


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _state(key: ApiKey, now: float) -> str:
    if key.is_disabled:
        return "disabled"
    return "expired" if key.expires is not None and key.expires <= now else "active"


def _row(key: ApiKey, now: float) -> tuple[str, ...]:
    state = _state(key, now)
    is_changing = state == "active" and key.former is not None and key.former.until > now
    return (
        key.name,
        f"{state}, rotating" if is_changing else state,
        key.digest.hex()[:_DIGEST],
        "-" if key.created is None else told_moment(key.created),
        "never" if key.expires is None else told_moment(key.expires),
        " ".join([*(f"{one.rate}:{one.burst}" for one in key.limits), *map("=".join, key.of_models)]) or "-",
        " ".join(key.routes) or "all",
        " ".join(key.models) or "all",
        " ".join(f"{label}={value}" for label, value in key.labels.items()) or "-",
        key.guardrails or "-",
    )


def _print_columns(rows: Sequence[tuple[str, ...]]) -> None:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print("  ".join(f"{cell:{width}}" for cell, width in zip(row, widths, strict=True)).rstrip())


def _tell_secret(path: str, name: str, secret: str, as_json: bool) -> None:
    print(json.dumps({"name": name, "key": secret}) if as_json else secret)
    print(f"this is the key {name!r}; it is shown this once, and {path} has its hash only", file=sys.stderr)


def _of(keys: Sequence[ApiKey], name: str) -> ApiKey:
    found = next((one for one in keys if one.name == name), None)
    if found is None:
        raise ValueError(f"there is no key {name!r}")
    return found


def _one_changed(path: str, name: str, change: Callable[[ApiKey], ApiKey | None]) -> bool:
    """Whether the key ``name`` has become what ``change`` makes of it; None: it is no more."""

    def all_changed(keys: tuple[ApiKey, ...]) -> tuple[ApiKey, ...]:
        found = _of(keys, name)
        made = change(found)
        return tuple(made if one is found else one for one in keys if one is not found or made is not None)  # type: ignore[misc]

    return _changed(path, all_changed)


def _changed(path: str, change: Callable[[tuple[ApiKey, ...]], tuple[ApiKey, ...]], *, may_begin: bool = False) -> bool:
    """Whether the file has become what ``change`` makes of it."""
    try:
        with _locked(path):
            try:
                keys = parse_keys(read_file(path))
            except FileNotFoundError:
                if not may_begin:
                    raise
                keys = ()
            replace(path, dump_keys(change(keys)))
    except (OSError, ValueError) as error:
        _failed(path, error)
        return False
    return True


def _failed(path: str, error: Exception) -> int:
    told = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    print(f"fastgw keys: {path}: {told}", file=sys.stderr)
    return 1


@contextlib.contextmanager
def _locked(path: str) -> Iterator[None]:
    """Nobody else changes the file meanwhile.  The lock is on its directory: the file itself is another one afterwards."""
    directory = os.open(os.path.dirname(os.path.abspath(path)), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(directory, fcntl.LOCK_EX)
        yield
    finally:
        os.close(directory)
