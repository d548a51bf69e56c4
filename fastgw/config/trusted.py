"""A configuration from elsewhere, held against what the operator of this machine allows (``config.trust``).

Every value is visited, and what is to be asked of it is known by its kind: the parser of a path, an address, a URL, the name of code.  So a
key that is new is asked as all of its kind are; a kind that is new has to be entered here, or among the harmless ones of the test.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache, partial
from typing import Any, Final, get_args

from fastgw.config import types
from fastgw.config.address_values import name_server
from fastgw.config.broker_url import broker_url
from fastgw.config.discovery import consul_url, etcd_url, kubernetes_url
from fastgw.config.inside import code_name
from fastgw.config.model import Model
from fastgw.config.redis import redis_url
from fastgw.config.schema import Configuration
from fastgw.config.source import Document, TreePath
from fastgw.config.telemetry import otlp_url
from fastgw.config.trust import IpAddress, TrustRules, ip_of, is_of_this_machine
from fastgw.config.types import Located, Parsed
from fastgw.config.unsound import is_unsound
from fastgw.config.urls import url
from fastgw.config.user import user
from fastgw.core.bridge_settings import BrokerAddress
from fastgw.core.settings import ANY_HOST, Address, RedisSettings, Url
from fastgw.core.sources import RegistryUrl

Asks = Callable[["Visit", Any, str], str]  #: why a value is refused, of it and the name of its model; empty: it is not

STREAMS: Final = ("stdout", "stderr")


class Visit:
    """One configuration."""

    def __init__(self, document: Document, config: Configuration, rules: TrustRules) -> None:
        self._document = document
        self.rules = rules
        self.listens = [value for _, _, value, parser in _leaves(config, ()) if parser is types._listen]

    def check(self, config: Configuration) -> None:
        """Report all that is not allowed."""
        for where, owner, value, parser in _leaves(config, ()):
            name = f"{owner}.{_name(where)}"
            if name in EXEMPT:
                continue
            rule = FLAGS.get(name) or RULES.get(parser)
            if rule is not None and (reason := rule(self, value, owner)):
                self._document.report(where, reason)

    def is_own(self, address: Address) -> bool:
        """Is it a listener or the admin address of this gateway?"""
        ip = ip_of(address.host)
        return any(one.port == address.port and _is_at(ip, address.host, one.host) for one in self.listens if one.port)


def check_trusted(document: Document, config: Configuration, rules: TrustRules) -> None:
    """Report what ``config`` may not say; nothing that it names is read."""
    Visit(document, config, rules).check(config)


def _is_at(ip: IpAddress | None, host: str, listens: str) -> bool:
    """Does who listens at ``listens`` hear what is sent to ``host``?"""
    if ip is None:
        return host == listens
    if listens in (ANY_HOST, "::", "0.0.0.0", ""):  # nosec B104: compares
        return is_of_this_machine(ip)
    return ip == ip_of(listens)


def _file(visit: Visit, value: Any, _: str) -> str:
    return visit.rules.against_file(str(value))


def _written(visit: Visit, value: Any, _: str) -> str:
    return "" if value in STREAMS else visit.rules.against_file(str(value), "written")


def _served(visit: Visit, value: Any, _: str) -> str:
    return visit.rules.against_file(str(value), "served")


def _speaks(visit: Visit, value: Any, _: str) -> str:
    """Somebody who is spoken to."""
    address = _address_of(value)
    if reason := visit.rules.against(address):
        return reason
    return f"{address} is this gateway itself" if visit.is_own(address) else ""


def _address_of(value: Any) -> Address:
    if isinstance(value, RedisSettings) and value.socket:
        return Address(path=value.socket)
    if isinstance(value, str):  # a name server
        host, _, port = value.rpartition(":") if value.count(":") == 1 or "]:" in value else (value, "", "53")
        return Address(host.strip("[]"), int(port))
    assert isinstance(value, Address | Url | RegistryUrl | RedisSettings | BrokerAddress)
    if isinstance(value, Address):
        return value
    return Address(value.host, value.port)


def _kubernetes(visit: Visit, value: Any, owner: str) -> str:
    return _speaks(visit, value, owner) if value.host else ""


def _listens(visit: Visit, value: Address, owner: str) -> str:
    if value.path:
        return visit.rules.against_file(value.path, "written")
    if owner != "AdminAddress" or visit.rules.may_show_admin:
        return ""
    ip = ip_of(value.host)
    if ip is not None and ip.is_loopback:
        return ""
    return f"an admin address that others reach is not allowed here: admin in {visit.rules.file or 'a file of --trust'} says so"


def _code(visit: Visit, value: Any, _: str) -> str:
    return visit.rules.against_module(str(value))


def _user(*_: Any) -> str:
    return "whose the process is, a configuration from elsewhere does not say: start it as that user"


def _flag(is_wrong: bool, reason: str, _: Visit, value: Any, __: str) -> str:
    return reason if value is is_wrong else ""


#: What is asked of a value, by its parser.
RULES: Final[dict[Any, Asks]] = {
    types.absolute: _file,
    types._stream: _written,
    types._listen: _listens,
    types._connect: _speaks,
    url: _speaks,
    otlp_url: _speaks,
    broker_url: _speaks,
    redis_url: _speaks,
    name_server: _speaks,
    etcd_url: _speaks,
    consul_url: _speaks,
    kubernetes_url: _kubernetes,
    code_name: _code,
    user: _user,
}
#: And of some by their name.
FLAGS: Final[dict[str, Asks]] = {
    "Configuration.admin_socket": _written,
    "Configuration.state_file": _written,
    "Forecasts.store": _written,
    "Files.root": _served,
    "ServiceTls.verify": partial(_flag, False, "a configuration from elsewhere cannot leave certificates unverified"),
    "Cluster.without_tls": partial(_flag, True, "a configuration from elsewhere cannot do without TLS"),
}
#: Paths that nobody can give: the folder of the file itself.
EXEMPT: Final = frozenset(("FilterPlugin.folder", "TransformerPlugin.folder"))


def _leaves(
    value: Any, where: TreePath, owner: str = "", parser: Any = None
) -> Iterator[tuple[TreePath, str, Any, Any]]:
    """Every value that is given: its place, the name of its model, itself, and what has parsed it."""
    if value is None or value == "" or is_unsound(value):
        return
    if isinstance(value, Model):
        parsers = _parsers(type(value))
        for name in type(value).model_fields:
            yield from _leaves(getattr(value, name, None), (*where, name), type(value).__name__, parsers[name])
    elif isinstance(value, dict):
        for key, one in value.items():
            yield from _leaves(one, (*where, key), owner, parser)
    elif isinstance(value, list) or (isinstance(value, tuple) and not hasattr(value, "_fields")):
        for place, one in enumerate(value):
            yield from _leaves(one, (*where, place), owner, parser)
    else:
        yield where, owner, value, parser


def _name(where: TreePath) -> str:
    """The key that a value belongs to."""
    return next((str(step) for step in reversed(where) if isinstance(step, str)), "")


@cache
def _parsers(kind: type[Model]) -> dict[str, Any]:
    """What parses the values of each key, of several the one that is asked for something."""
    found: dict[str, Any] = {}
    for name, field in kind.model_fields.items():
        parsers = [parser_of(one) for one in annotations_of(field) if isinstance(one, Parsed)]
        found[name] = next((one for one in parsers if one in RULES), parsers[0] if parsers else None)
    return found


def parser_of(annotation: Parsed) -> Any:
    """What reads a value."""
    return annotation._parse_at if isinstance(annotation, Located) else annotation._parse


def annotations_of(field: Any) -> Iterator[object]:
    """Of a key of a model, at any depth of its type."""
    yield from field.metadata
    stack = [field.annotation]
    while stack:
        one = stack.pop()
        yield from getattr(one, "__metadata__", ())
        stack += get_args(one)
