"""A whole data plane whose route leads to models, and what clients of model servers send."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from fastgw.core.exchange.fallback import mark
from fastgw.core.models.choice import ModelChoice, ModelPart, ModelTarget
from fastgw.core.models.placing import Prompts
from fastgw.core.models.stand_in import ModelStandIn
from fastgw.core.settings import DIALECT
from fastgw.policy.fallback import CAUSES
from fastgw.testing import usual
from fastgw.testing.edge import Edge

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
_LENGTH = re.compile(rb"content-length: ([0-9]+)\r\n", re.IGNORECASE)


def post(body: bytes, path: str = "/v1/chat/completions", kind: str = "application/json", *fields: str) -> bytes:
    """A request with this body."""
    lines = "".join(f"{one}\r\n" for one in fields)
    head = f"POST {path} HTTP/1.1\r\nHost: a\r\nContent-Type: {kind}\r\n{lines}Content-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def get(path: str, *fields: str) -> bytes:
    """A request without one."""
    lines = "".join(f"{one}\r\n" for one in fields)
    return f"GET {path} HTTP/1.1\r\nHost: a\r\n{lines}\r\n".encode()


def body_sent(data: bytes) -> bytes:
    """The body of one request as a service got it, of the length that it says."""
    head, _, body = data.partition(b"\r\n\r\n")
    lengths = _LENGTH.findall(head + b"\r\n")
    assert [len(body)] == [int(one) for one in lengths], data
    return body


class Noted:
    """A filter that keeps what was noted of each exchange."""

    name = "noted"

    def __init__(self) -> None:
        self.notes: list[dict[str, Any]] = []

    def done(self, exchange: Any) -> None:
        self.notes.append(dict(exchange.notes or {}))


class ModelEdge(Edge):
    """Services ``a`` (port 9000), ``b`` (9001) and ``rest`` (9002), and models by name: the service, or pairs of one and a weight, and the
    name that is sent; a fallback names other models; ``means``: what one is another name of."""

    def __init__(
        self,
        models: Mapping[str, str | Sequence[tuple[str, int, str]]] | None = None,
        *,
        fallback: Mapping[str, Sequence[str]] | None = None,
        means: Mapping[str, str] | None = None,
        statuses: Sequence[int] = (503,),
        has_rest: bool = False,
        prompts: Prompts | None = None,
        told: Callable[[], tuple[str, ...]] | None = None,
        route: dict[str, Any] | None = None,
        filters: Sequence[Any] = (),
        **options: Any,
    ) -> None:
        self.noted = Noted()
        super().__init__(filters=[self.noted, *filters], **options)
        self.endpoints += [self.endpoint(9001, 1), self.endpoint(9002, 2)]
        names = ("a", "b", "rest")
        self.by_name = {
            name: usual.service(name, (one,), self.service.balancer, attempts=1, has_models=True)
            for name, one in zip(names, self.endpoints, strict=True)
        }
        given = models or {"gpt-oss": [("a", 1, "openai/gpt-oss-120b")], "small": "b", "embed-*": [("b", 1, "org/*")]}
        self.targets = {name: [(one, 1, "")] if isinstance(one, str) else one for name, one in given.items()}
        self.means = means or {}
        targets = {name: self._target(name, (fallback or {}).get(name, ()), statuses) for name in self.targets}
        self.choice = ModelChoice("all", targets, self.by_name["rest"] if has_rest else None, prompts, told)
        self.route = usual.route(
            "all",
            1,
            **{"service": self.choice, "chain": self.route.chain, "errors": DIALECT, "body_wait": 1.0, **(route or {})},
        )
        self.listener = self.listen(**options.get("listener", {}))
        self.install(self.listener, *self.by_name.values())

    def _target(self, name: str, others: Sequence[str], statuses: Sequence[int]) -> ModelTarget:
        then: ModelStandIn | None = None
        for other in reversed(others):
            ((service, _, sent_as),) = self.targets[other]
            standing_in = self.by_name[service].standing_in(mark, then)
            standing_in.keep_posts()
            then = ModelStandIn(standing_in, other, self.means.get(other, ""), sent_as or other, CAUSES, statuses, then)
        parts = []
        for service, weight, sent_as in self.targets[name]:
            found = self.by_name[service]
            parts.append(ModelPart(found if then is None else found.falling_back(then), weight, sent_as))
        return ModelTarget(name, parts, self.means.get(name, ""))
