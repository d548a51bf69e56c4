"""A lenient reading: what is wrong becomes unsound, what is sound is there, and so no mistake hides another."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from fastgw.config.model import Model
from fastgw.config.schema import Configuration, Listener
from fastgw.config.unsound import is_unsound
from tests.unit.config.files import problems

#: Mistakes that have nothing to do with each other, often several in one mapping, and often one in reach of a rule that
#: needs another value to be sound.
WRONG = """\
admin: {address: 10.0.0.1:9901, addres: x}
workers: many
shutdown: {grace: 10 parsecs}
listeners:
  - name: edge
    address: 0.0.0.0:8080
    filters: [nope, a b, log, log]
    limits: {head_size: 1KiB, uri_length: 8KiB, connections: none}
    tls: {cert: no.pem, key: no.key, min_version: 7, client_auth: required}
    proxy_protocol_from: [10.0.0.0/8, 10.0.0.1/8]
  - name: edge
    adress: 0.0.0.0:8080
    trusted_proxies: 10.0.0.0/8
  - address: 10.0.0.1:9901
    tls: {client_ca: none.pem, certificates: []}
    timeouts: {head: "${UNSET}"}
  - address: "${UNSET}:8080"
routes:
  - {path: /a, service: llm, methods: POST, sticky: header:x, timeout: 7200}
  - {path: /b, servic: llm}
  - {path: /c, service: lmm, filters: [looog], split: [{service: llmm, weight: x}, {service: llm, weight: 0}]}
  - {path: /c, service: llm, max_body: 7x, headers: {A: 1, a: 2, "b c": 1}}
  - {path: d, split: [{service: llm, weight: 0}]}
  - {path: /e, split: [{service: llm, weight: 0}]}
  - {path: /c, service: llm, headers: {a: "2"}}
services:
  llm:
    endpoints: [127.0.0.1:1, 127.0.0.1:1, "http://x:1"]
    pool: {warm: 3, max_connections: 2, max_pending: -1}
    tls: {cert: no.pem, ca: no.pem, verify: maybe}
  a b: {endpoints: ["127.0.0.1:2", "127.0.0.1:2"], retry: {on: connect}}
  e: {endpoint: ["127.0.0.1:2"]}
filters:
  log: {typ: access_log}
  log2: {type: access_log, path: /no/such/x, flush: 0}
  log3: {type: acces_log}
"""
SAID = """\
1:33: admin.addres: unknown key; did you mean 'address'?
2:10: workers: expected auto or a whole number from 1 to 1024
3:19: shutdown.grace: expected a duration such as 800ms, 30s, 5m or
7:15: listeners[0].filters[0]: no filter named 'nope'
7:21: listeners[0].filters[1]: expected a name of letters, digits, '_', '.' a
7:31: listeners[0].filters[3]: the filter 'log' is in this chain already
8:5: listeners[0].limits: uri_length (8192) is more than head_size (1024
8:62: listeners[0].limits.connections: expected a whole number, got 'none'
9:17: listeners[0].tls.cert: FOLDER/no.pem cannot be read: No such file or
9:30: listeners[0].tls.key: FOLDER/no.key cannot be read: No such file or
9:51: listeners[0].tls.min_version: expected 1.2 or 1.3, got '7'
9:67: listeners[0].tls.client_auth: required needs client_ca
10:5: listeners[0].proxy_protocol_from: has no effect without proxy_protocol: true
10:39: listeners[0].proxy_protocol_from[1]: expected a network such as 10.0.0.0/8 or one a
11:11: listeners[1].name: the name 'edge' belongs to listeners[0] alread
12:5: listeners[1].adress: unknown key; did you mean 'address'?
13:22: listeners[1].trusted_proxies: expected a list: [10.0.0.0/8]
14:14: listeners[2].address: the address 10.0.0.1:9901 is that of admin alr
15:22: listeners[2].tls.client_ca: FOLDER/none.pem cannot be read: No such file o
15:22: listeners[2].tls.client_ca: has no effect without client_auth: optional or
15:32: listeners[2].tls.certificates: is empty; it needs at least one entry
16:22: listeners[2].timeouts.head: the environment variable UNSET is not set; ${U
17:14: listeners[3].address: the environment variable UNSET is not set; ${U
19:39: routes[0].methods: expected a list: [POST]
19:53: routes[0].sticky: has no effect without split
20:16: routes[1].servic: unknown key; did you mean 'service'?
21:25: routes[2].service: no service named 'lmm'; did you mean 'llm'?
21:40: routes[2].filters[0]: no filter named 'looog'; did you mean 'log'?
21:48: routes[2].split: stands beside service; give one of them
21:66: routes[2].split[0].service: no service named 'llmm'; did you mean 'llm'?
21:80: routes[2].split[0].weight: expected a whole number, got 'x'
22:40: routes[3].max_body: expected a size such as 32KiB or 10MB (units B
22:60: routes[3].headers.a: is the same header field as 'A'
22:66: routes[3].headers.b c: expected the name of a header field, got 'b c'
23:12: routes[4].path: the path 'd' has no leading slash
23:15: routes[4].split: no part has a weight above 0
24:16: routes[5].split: no part has a weight above 0
28:30: services.llm.endpoints[1]: the endpoint 127.0.0.1:1 is in this service al
28:43: services.llm.endpoints[2]: expected an address such as 127.0.0.1:8080, [:
29:18: services.llm.pool.warm: is more than max_connections (2)
29:54: services.llm.pool.max_pending: expected a whole number from 1 to 1000000, got
30:17: services.llm.tls.cert: FOLDER/no.pem cannot be read: No such file or
30:17: services.llm.tls.cert: needs key beside it
30:29: services.llm.tls.ca: FOLDER/no.pem cannot be read: No such file or
30:45: services.llm.tls.verify: expected true or false, got 'maybe'
31:3: services.a b: expected a name of letters, digits, '_', '.' a
31:36: services.a b.endpoints[1]: the endpoint 127.0.0.1:2 is in this service al
31:64: services.a b.retry.on: expected a list: [connect]
32:7: services.e.endpoint: unknown key; did you mean 'endpoints'?
34:9: filters.log.typ: unknown key; did you mean 'type'?
35:34: filters.log2.path: the directory of the file does not exist
35:53: filters.log2.flush: expected a duration of at least 1ms, got '0'
36:16: filters.log3.type: unknown type 'acces_log'; did you mean 'access
"""


def test_no_mistake_hides_another_and_each_is_told_once(tmp_path: Path) -> None:
    found = [problem.replace(str(tmp_path), "FOLDER") for problem in problems(tmp_path, WRONG)]
    expected = SAID.splitlines()
    assert [line.split(": ")[:2] for line in found] == [line.split(": ")[:2] for line in expected]
    assert [line for line, begin in zip(found, expected, strict=True) if not line.startswith(begin)] == []


def lenient(data: object) -> Configuration:
    return Configuration.model_validate(data, context={"base": "/", "is_lenient": True})


def test_what_is_sound_is_there() -> None:
    found = lenient(
        {
            "listeners": [{"address": "a:1", "name": "a b", "limits": {"head_size": "2KiB", "uri_length": "x"}}, "x"],
            "routes": "nope",
            "services": {"a b": {"endpoints": ["a:1", "x", {"adress": "a:2"}]}},
            "filters": {"bad": {"type": "x"}, "log": {"type": "access_log", "flush": "1m", "batch": "x"}},
            "worker": "3",
        }
    )
    first, second = found.listeners
    assert (first.address.host, first.limits.head_size, first.limits.head_count, first.timeouts.head) == (
        "a",
        2048,
        100,
        10,
    )
    assert is_unsound(first.name) and is_unsound(first.limits.uri_length) and is_unsound(second)
    assert is_unsound(found.routes) and is_unsound(found.workers)  # misspelled: who knows
    assert [is_unsound(one.address) for one in found.services["a b"].endpoints] == [False, True, True]
    log = found.filters["log"]
    assert is_unsound(found.filters["bad"], log.batch) and log.flush == 60  # type: ignore[union-attr]


def test_any_data_can_be_read() -> None:
    for data in (None, "x", [], {}, {"listeners": {}}, {"listeners": [None]}, {"filters": {"a": None}}):
        lenient(data)
    assert is_unsound(Listener.model_validate([], context={"is_lenient": True}))


def models(model: type[Model]) -> Iterator[type[Model]]:
    for one in model.__subclasses__():
        yield one
        yield from models(one)


def test_no_model_has_a_rule_of_its_own() -> None:
    """It would run only when every key is sound, and hide: rules between keys belong to ``check``."""
    found = [
        (model.__name__, name)
        for model in models(Model)
        for kind in ("field_validators", "model_validators")
        for name in getattr(model.__pydantic_decorators__, kind)
        if name != "_read"
    ]
    assert not found
