"""``fastgw init``: a first configuration, from three questions or from flags."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
from pathlib import Path
from typing import NamedTuple

_ABOUT = """\
Write a first configuration, with comments that say what can be added where.  Without flags three things are asked: where to listen,
where the service is, and whether clients need TLS or keys.  Nothing is asked where stdin is no terminal: then --listen and --service
must be there.  A file that exists is left alone, unless --force is given.  What is written is checked first.

Exit code: 0 it is written; 1 it is not, and why; 2 wrong arguments."""

_EXAMPLES = """\
examples:
  fastgw init                                                                      asks, and writes gateway.yaml
  fastgw init edge.yaml --listen 0.0.0.0:8080 --service 10.0.0.5:9000
  fastgw init edge.yaml --listen 0.0.0.0:8443 --service 10.0.0.5:9000 --tls edge.pem edge.key --keys"""

KEYS = "keys.json"  #: the keys of clients, beside the configuration
_LISTEN = "127.0.0.1:8080"
_SERVICE = "127.0.0.1:9000"


_TEMPLATE = """\
# What fastgw does here: listeners accept requests, routes say which service takes them, services say where that is.
# Lines with a # and no space behind it are settings to be tried: take the # away.  docs/configuration.md has all of them.
#
#   fastgw check {path}        is it right?  every mistake, with its line
#   fastgw run -c {path}       serve
#   fastgw reload -c {path}    load it again, all of it or nothing
#   fastgw status -c {path}    how it is, and what is wrong

# Processes that serve; without it one for each processor.
#workers: 2

# Where /livez, /readyz, /status and /metrics are answered: not for clients.
#admin: {{address: "127.0.0.1:9901"}}

listeners:
  - name: edge
    address: {listen}
{tls}
routes:
  # The most specific path wins, whatever the order.
  - name: all
    path: /*
    service: main
    filters: [request_id{clients}]
    # From the first byte of the request to the last of the answer.
    #timeout: 60s
    #max_body: 10MiB

services:
  main:
    # Several share the requests: ["10.0.0.1:9000", "10.0.0.2:9000"].
    endpoints: [{service}]
    # Ask each of them whether it is well, and leave out those that are not.
    #health: {{path: /}}
    # Send again what failed before the service can have seen it.
    #retry: {{attempts: 2}}
{keys}"""


class Wishes(NamedTuple):
    """What a file is made from."""

    listen: str
    service: str
    tls: tuple[str, str] | None = None  #: certificate and key
    has_keys: bool = False


def add(parser: argparse.ArgumentParser) -> None:
    """Its arguments."""
    parser.description, parser.epilog = _ABOUT, _EXAMPLES
    parser.add_argument("file", nargs="?", default="gateway.yaml", metavar="FILE", help="what to write: gateway.yaml")
    parser.add_argument("--listen", metavar="ADDRESS", help="where clients come: 0.0.0.0:8080, [::]:8080 or unix:/path")
    parser.add_argument(
        "--service", metavar="ADDRESS", help="where the service is: 127.0.0.1:9000, name:80 or unix:/path"
    )
    parser.add_argument("--tls", nargs=2, metavar=("CERT", "KEY"), help="files of the certificate and its key")
    parser.add_argument("--keys", action="store_true", help=f"clients need a key; the first is made, in {KEYS}")
    parser.add_argument("--force", action="store_true", help="write over a file that is there")


def run(options: argparse.Namespace) -> int:
    """Write it; return the exit code."""
    path = options.file
    if os.path.lexists(path) and not options.force:
        return _failed(f"{path} is there already; --force writes over it")
    is_asking = sys.stdin.isatty()
    if not is_asking and not (options.listen and options.service):
        print("fastgw init: stdin is no terminal, so nothing is asked: give --listen and --service", file=sys.stderr)
        return 2
    is_told = bool(options.listen and options.service)  # then flags tell all
    try:
        listen = options.listen or _asked("Where to listen?", _LISTEN)
        service = options.service or _asked("Where is the service?", _SERVICE)
        tls, has_keys = tuple(options.tls) if options.tls else None, options.keys
        if is_asking and not is_told and not tls and not has_keys:
            tls, has_keys = _protection()
    except (EOFError, KeyboardInterrupt):
        print(file=sys.stderr)
        return _failed("nothing is written")
    if tls is not None:
        tls = (_from_there(tls[0], path), _from_there(tls[1], path))
    return _written(path, Wishes(listen, service, tls, has_keys), is_forced=options.force)


def _from_there(file: str, path: str) -> str:
    """A file that is named from where we are, as the configuration at ``path`` names it: from its own folder."""
    folder, full = os.path.dirname(os.path.abspath(path)), os.path.abspath(file)
    return os.path.relpath(full, folder) if os.path.commonpath((folder, full)) == folder else full


def _asked(question: str, default: str) -> str:
    print(f"{question} [{default}] ", end="", flush=True)
    return input().strip() or default


def _protection() -> tuple[tuple[str, str] | None, bool]:
    words = {
        "": (False, False),
        "no": (False, False),
        "tls": (True, False),
        "keys": (False, True),
        "both": (True, True),
    }
    while (answer := _asked("Do clients need TLS, keys, or both?", "no").lower()) not in words:
        print("no, tls, keys or both")
    has_tls, has_keys = words[answer]
    tls = (_asked("  The certificate?", "edge.pem"), _asked("  Its key?", "edge.key")) if has_tls else None
    return tls, has_keys


def _written(path: str, wishes: Wishes, *, is_forced: bool) -> int:
    folder = os.path.dirname(os.path.abspath(path))
    keys = os.path.join(folder, KEYS)
    has_made = wishes.has_keys and not os.path.lexists(keys)
    try:
        if problems := _problems(folder, wishes._replace(has_keys=wishes.has_keys and not has_made)):
            return _failed(*problems)
        if has_made:
            from fastgw.cli.keys import new

            if new(keys, "first"):
                return 1
        _put(path, text(wishes, path), is_forced)
    except FileExistsError:
        return _failed(f"{path} is there already; --force writes over it")
    except OSError as error:
        return _failed(f"{path}: {error.strerror or error}")
    print(
        f"{path} is written.  fastgw run -c {path} serves it; fastgw check {path} after each change.", file=sys.stderr
    )
    return 0


def _problems(folder: str, wishes: Wishes) -> list[str]:
    """What is wrong with a file of these wishes in ``folder``."""
    import tempfile

    from fastgw.config.load import inspect

    fd, name = tempfile.mkstemp(prefix=".fastgw-init-", suffix=".yaml", dir=folder)
    try:
        with os.fdopen(fd, "w", encoding="utf-8") as file:
            file.write(text(wishes, name))
        return [f"{one.path}: {one.message}" for one in inspect(Path(name), {}).problems]
    finally:
        os.unlink(name)


def _put(path: str, content: str, is_forced: bool) -> None:
    """Write a file for everybody to read, as an editor would; raise FileExistsError if there is one."""
    if is_forced:
        from fastgw.cli.replacing import replace

        is_new = not os.path.exists(path)
        replace(path, content.encode())
        if is_new:
            os.chmod(path, 0o644)
        return
    with open(path, "x", encoding="utf-8") as file:
        try:
            file.write(content)
        except OSError:
            with contextlib.suppress(OSError):
                os.unlink(path)
            raise


def _failed(*problems: str) -> int:
    for one in problems:
        print(f"fastgw init: {one}", file=sys.stderr)
    return 1


def text(wishes: Wishes, path: str) -> str:
    """The configuration.  Lines that begin with # and no space are settings to be tried: without the # they are in use."""
    tls = ""
    if wishes.tls is not None:
        cert, key = map(json.dumps, wishes.tls)
        tls = f"""\
    # Read again at each reload.  Several: tls: {{certificates: [{{cert: ..., key: ...}}, ...]}}, chosen by the name that is asked for.
    tls: {{cert: {cert}, key: {key}}}
"""
    keys = f"""
filters:
  # fastgw keys new {KEYS} NAME makes a key, fastgw keys revoke {KEYS} NAME takes it back; clients send "authorization: Bearer KEY".
  clients: {{type: api_key, file: {KEYS}}}
"""
    return _TEMPLATE.format(
        path=path,
        listen=json.dumps(wishes.listen),
        service=json.dumps(wishes.service),
        tls=tls,
        clients=", clients" if wishes.has_keys else "",
        keys=keys if wishes.has_keys else "",
    )
