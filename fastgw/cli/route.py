"""``fastgw route``: where would this request go, and why?"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from fastgw.config.chains import links
from fastgw.config.spec import FilterSpec, GatewaySpec, ListenerSpec, RouteSpec
from fastgw.config.translated import spoken, translated
from fastgw.core.settings import GrpcSettings
from fastgw.errors import ConfigError
from fastgw.routing.pattern import parse_path


def route(file: str, method: str, url: str, headers: Sequence[tuple[str, str]]) -> int:
    """Print the route a request takes; return 0, 1 (no route, or the file is wrong) or 2 (not a request)."""
    from fastgw.config.load import load
    from fastgw.wire.errors import WireError
    from fastgw.wire.messages import KIND, kind_of
    from fastgw.wire.methods import NEVER, method_problem, served

    if method not in NEVER and (problem := method_problem(method)):
        print(f"fastgw route: {method!r} {problem}", file=sys.stderr)
        return 2
    try:
        spec = load(file, os.environ)
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 1
    fields = _joined(headers)
    try:
        host, path = _target(url, fields.get("host", ""))
    except WireError as error:
        meant = f"; did you mean 'http://{url}'?" if url[:1] not in ("", "/") and "://" not in url else ""
        print(f"fastgw route: {url!r} is not a request target: {error}{meant}", file=sys.stderr)
        return 2

    def header(name: bytes) -> bytes | None:
        if name == KIND:
            return kind_of(header(b"content-type"))
        value = fields.get(name.decode("latin-1"))
        return None if value is None else _bytes(value)

    if method.encode() not in served(name for one in spec.routes for name in one.methods):
        print(
            f"no route: 501, {method} is {'never served' if method in NEVER else 'neither registered nor named by a route'}"
        )
        return 1
    request = _Asked(host, _bytes(method), path, header)
    ways = _ways(spec, path)
    outcomes = []
    for routed, listeners in ways.items():
        if len(ways) > 1:
            print(f"listener {', '.join(one.name for one in listeners)}")
        if routed != path:
            print(f"path     {_text(routed) or 'none: 404 rewrite_failed'} (rewritten before routing)")
        outcomes.append(bool(routed) and _explain(spec, listeners, replace(request, path=routed)))
    return 0 if all(outcomes) else 1


@dataclass(frozen=True, slots=True)
class _Asked:
    """The request that is asked about."""

    host: bytes
    method: bytes
    path: bytes
    header: Callable[[bytes], bytes | None]


def _ways(spec: GatewaySpec, path: bytes) -> dict[bytes, list[ListenerSpec]]:
    """The path that routes are looked for by, and the listeners where it is that; empty: those where it is none."""
    from fastgw.rehearsal.paths import rewritten
    from fastgw.wire.errors import WireError

    ways: dict[bytes, list[ListenerSpec]] = {}
    for listener in spec.listeners:
        try:
            routed = rewritten(spec, listener, path)
        except WireError:
            routed = b""
        ways.setdefault(routed, []).append(listener)
    return ways


def _explain(spec: GatewaySpec, listeners: Sequence[ListenerSpec], asked: _Asked) -> bool:
    """Print where ``asked`` goes, by ``listeners``, and why; whether some route takes it."""
    from fastgw.config.rules import routing_table

    table = routing_table(spec)
    found = table.explain(asked.host, asked.method, asked.path, asked.header)
    if found.rule is None and asked.path == b"*":
        print("no route: 204, the gateway answers OPTIONS * itself")
    elif found.rule is None:
        allowed = table.allowed(asked.host, asked.path, asked.header)
        print(f"no route: 405, allowed are {', '.join(allowed)}" if allowed else "no route: 404")
        print(*_filters(spec, listeners, None), sep="\n")
    else:
        print(*_lines(spec, listeners, found.rule.payload, asked), sep="\n")
        print("because")
        print(*(f"  {reason}" for reason in found.reasons), sep="\n")
    if found.near_misses:
        print("not taken")
        print(*(f"  {miss.rule}: {miss.failed}" for miss in found.near_misses), sep="\n")
    return found.rule is not None


def _lines(spec: GatewaySpec, listeners: Sequence[ListenerSpec], found: RouteSpec, asked: _Asked) -> list[str]:
    """The route, the services behind it, which of them takes the request, and the filters in front of it."""
    lines = [f"route    {found.name}", *(_own_answer(found) or _services(spec, found, asked))]
    return [*lines, *_filters(spec, listeners, found)]


def _filters(spec: GatewaySpec, listeners: Sequence[ListenerSpec], found: RouteSpec | None) -> list[str]:
    """The chain that a request meets at each listener, from the outermost on, whose it is, and what each filter of it would do."""
    known = {one.name: one for one in spec.filters}
    transformers = [("transformer", one) for one in found.transformers] if found is not None else []
    calls = [("route", "grpc", _calls(found.grpc))] if found is not None and found.grpc is not None else []
    dialects = translated(spec, found, spoken(spec)) if found is not None else {}
    if dialects:
        told = ", ".join(f"{name} speaks {one.name}" for name, one in dialects.items())
        calls.append(("service", "dialects", f"translates what other clients ask for: {told}"))
    lines: list[str] = []
    for listener in listeners:
        entered = [*((link.level, known[link.name]) for link in links(spec, listener, found)), *transformers]
        chain = [*((level, one.name, _does(one)) for level, one in entered), *calls]
        lines.append(f"filters  {'' if chain else 'none '}(listener {listener.name})")
        width = max((len(name) for _, name, _ in chain), default=0)
        lines += [f"  {level:<12} {name:<{width}}  {does}" for level, name, does in chain]
    return lines


def _calls(settings: GrpcSettings) -> str:
    """What is done with calls of gRPC on the route."""
    bounds = (("a client", settings.max_request_message), ("the service", settings.max_response_message))
    told = [f"messages of {whose} up to {size} bytes" for whose, size in bounds if size]
    return ", ".join(
        ["grpc-timeout is a deadline", *told, *(["messages are counted"] if settings.count_messages else [])]
    )


def _does(spec: FilterSpec) -> str:
    is_open = spec.settings.on_failure == "open"
    return f"{spec.does}{'; on_failure: open' if is_open else ''}"


def _own_answer(found: RouteSpec) -> list[str]:
    """What a route answers by itself; empty: it leads to services."""
    if found.reply is not None:
        reply = found.reply
        body = f", {len(reply.body)} bytes of {reply.content_type}" if reply.body else ""
        return [f"reply    {reply.status}{body}"]
    if found.redirect is not None:
        to = "".join(part.decode() if isinstance(part, bytes) else f"${{{part}}}" for part in found.redirect.to)
        return [f"redirect {found.redirect.status} to {to}{'*' if found.redirect.takes_rest else ''}"]
    if found.files is not None:
        index = f", {found.files.index_name} for a directory" if found.files.index_name else ""
        return [f"files    {found.files.root} (up to {found.files.max_size} bytes each{index})"]
    if found.adapter is not None:
        return [f"adapter  mqtt: {', '.join(map(str, found.adapter.brokers))}"]
    return []


def _services(spec: GatewaySpec, found: RouteSpec, asked: _Asked) -> list[str]:
    if found.models:
        return [*_models(spec, found), *(_service(spec, found.service, "", asked) if found.service else [])]
    if found.by_name is not None:
        name = _text(parse_path(found.path).params(asked.path)[found.by_name.parameter])
        if name not in found.by_name.services:
            return [f"service  none: 404 unknown_service, {name!r} is not among {', '.join(found.by_name.services)}"]
        shares = [(name, 0)]
    else:
        shares = [(one.service, one.weight) for one in found.split] or [(found.service or "", 0)]
    total = sum(weight for _, weight in shares)
    lines = []
    for name, weight in shares:
        share = f"{100 * weight / total:.4g} % " if total else ""
        lines += _service(spec, name, share, asked)
    if found.split:
        lines.append(f"takes    {_taken(found, asked.header)}")
    return lines


def _models(spec: GatewaySpec, found: RouteSpec) -> list[str]:
    """Where each model that the body may name leads, and what answers in its place."""
    models = [one for one in spec.models if one.name in found.models]
    width = max(len(one.name) for one in models)
    lines = []
    for one in models:
        total = sum(part.weight for part in one.parts)
        ways = []
        for part in one.parts:
            share = f"{100 * part.weight / total:.4g} % " if len(one.parts) > 1 else ""
            ways.append(f"{share}{part.service}{_renamed(part.sent_as)}")
        ways += [f"else {step.service}{_renamed(step.sent_as)}" for step in one.fallback]
        lines.append(f"model    {one.name:<{width}}  {', '.join(ways)}")
    return lines


def _renamed(name: str) -> str:
    return f" as {name}" if name else ""


def _service(spec: GatewaySpec, name: str, share: str, asked: _Asked) -> list[str]:
    """A service with its endpoints, or with its versions and theirs."""
    places = {one.name: ", ".join(str(endpoint.address) for endpoint in one.endpoints) for one in spec.services}
    found = next((one for one in spec.versioned if one.name == name), None)
    if found is None:
        return [f"service  {share}{name} ({places[name]})"]
    from fastgw.policy.shares import WHOLE

    named = _text(asked.header(found.by.header.encode()) or b"") if found.by.header is not None else ""
    lines = [f"service  {share}{name}"]
    for one in found.versions:
        told = [f"{100 * one.share / WHOLE:.4g} %"]
        told += ["shadow"] if found.shadow is not None and found.shadow.version == one.name else []
        told += [f"named by {found.by.header}"] if one.name == named else []
        lines.append(f"version  {one.name} ({places[one.service]}): {', '.join(told)}")
    return lines


def _taken(found: RouteSpec, header: Callable[[bytes], bytes | None]) -> str:
    """The part of the split that a request goes to, and why: as the data plane chooses it."""
    from fastgw.routing.split import Split
    from fastgw.routing.sticky import sticky_key

    if not found.settings.sticky:
        return "one of them, by chance"
    key = sticky_key(header, found.settings.sticky)
    if not key:
        return f"one of them, by chance: the request has no {found.settings.sticky}"
    split = Split([(part.service, part.weight) for part in found.split])
    return f"{split.choose(split.sticky_fraction(key))}, always with this value of {found.settings.sticky}"


def _joined(headers: Sequence[tuple[str, str]]) -> dict[str, str]:
    """Repeated fields joined, as the gateway sees them (RFC 9110 section 5.3)."""
    fields: dict[str, str] = {}
    for name, value in headers:
        fields[name] = f"{fields[name]}, {value}" if name in fields else value
    return fields


def _target(url: str, host_field: str) -> tuple[bytes, bytes]:
    """Host and normalised path of a URL or of a path, by the rules requests are read by; raises WireError."""
    from fastgw.wire.target import parse_authority, split_absolute, split_target

    authority, target = _bytes(host_field), _bytes(url).partition(b"#")[0]
    if target != b"*" and not target.startswith(b"/"):
        authority, target = split_absolute(target)
    host = parse_authority(authority) if authority else b""
    return host, target if target == b"*" else split_target(target)[0]


def _text(path: bytes) -> str:
    return path.decode("utf-8", "replace")


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
