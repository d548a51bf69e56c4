"""What can be asked at the admin address and at the admin socket, in one table: who serves, who may, and what ``/openapi.json`` says."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl

from fastgw.server.dashboard import dashboard
from fastgw.server.guard import ANYBODY, INSIDER, OPERATOR, READER
from fastgw.server.openapi import document
from fastgw.server.page import Order, Page, PageRequest
from fastgw.server.problem import AdminProblem
from fastgw.server.status import Content
from fastgw.server.transcoded import ROUTES

if TYPE_CHECKING:
    from fastgw.server.log import Log
    from fastgw.server.status import Pages

TEXT: Final = "text/plain"
OPENMETRICS: Final = "application/openmetrics-text"


def of_gateway(pages: Pages, orders: Mapping[str, Order], log: Log) -> list[Page]:
    """What every gateway has; ``orders``: how ``reload`` and ``drain`` are carried out."""
    found: list[Page] = [*_probes(pages), *_views(pages)]

    async def openapi(asked: PageRequest) -> Content:
        import orjson

        wanted = {text for key, text in parse_qsl(asked.query, True) if key == "of"}
        if wanted - {ROUTES}:
            raise AdminProblem(400, "bad_query", f"of is {ROUTES!r}, or is left out")
        if wanted:
            return await pages.transcoded()
        return Content(200, orjson.dumps(document(found), option=orjson.OPT_INDENT_2))

    found.append(
        Page(
            *("GET", "/openapi.json", READER, "What can be asked here, or of services of gRPC by JSON.", openapi),
            answers={200: "This document, or that one.", 503: "The gateway starts."},
            members=("openapi", "info", "paths"),
            query=(("of", "`routes`: what can be asked of the services of gRPC that routes transcode."),),
            choices=(ROUTES,),
        )
    )
    found += [*_orders(orders, log), *dashboard(pages, log)]
    return found


def _probes(pages: Pages) -> list[Page]:
    return [
        Page(
            *("GET", "/livez", ANYBODY, "Does the supervisor answer?  Yes, draining or not.", lambda _: pages.livez()),
            answers={200: "It does."},
            members=("status",),
        ),
        Page(
            *("GET", "/readyz", ANYBODY, "Are new requests welcome?", lambda asked: pages.readyz(query=asked.query)),
            answers={
                200: "They are.",
                404: "There is no such service.",
                503: "They are not; `reason` says why: starting, draining, no_worker, stalled, no_member.",
            },
            query=(("service", "Has this service a member that can be used, too?"),),
        ),
    ]


def _views(pages: Pages) -> list[Page]:
    return [
        Page(
            *("GET", "/status", READER, "Everything about the gateway now.", lambda _: pages.status()),
            answers={200: "The status."},
            members=("version", "generation", "workers", "listeners", "routes", "services"),
        ),
        Page(
            *("GET", "/metrics", READER, "All counters.", lambda asked: pages.metrics(asked.accept)),
            answers={200: "Prometheus text, or OpenMetrics if Accept asks for it."},
            kinds=(TEXT, OPENMETRICS),
        ),
        Page(
            *("GET", "/forecast", READER, "What services are expected to be asked for in the next 24 hours."),
            *(lambda asked: pages.forecast(asked.query),),
            answers={
                200: "Of all services that are forecast, or of the one that is asked for; empty lists while there is too little to say.",
                404: "Nothing is forecast, or not that service; `reason` says which.",
            },
            members=("store", "services"),
            query=(("service", "This one alone."),),
        ),
        Page(
            *("GET", "/limits", READER, "What is left of limits of models, for whom is asked about."),
            *(lambda asked: pages.limits(asked.query),),
            answers={
                200: "Each limit that counts for them: how much there is (`amount`), what is left, and in how many seconds all of it is.",
                404: "There is no such model, no limit counts by such a label, or it is no name.",
                503: "The gateway starts.",
            },
            members=("limits",),
            query=(
                ("key", "Name of a key."),
                ("user", "Name of a user."),
                ("model", "Name of a model, as `models` has it."),
                ("label", "`team=search`: a label of the key."),
            ),
        ),
        Page(
            *("GET", "/config", INSIDER, "The configuration in use, secrets not shown.", lambda _: pages.config()),
            answers={200: "Every key of each thing, defaults filled in."},
            members=("generation", "file", "gateway", "listeners", "routes", "services", "filters"),
        ),
    ]


def _orders(orders: Mapping[str, Order], log: Log) -> list[Page]:
    return [
        Page(
            *("POST", "/reload", OPERATOR, "Load the file again; answered when it is in use, or refused."),
            *(_ordered("reload", orders, log),),
            answers={
                200: "It is in use; `changes` says what is new.",
                422: "The file is refused; `problems` has every reason.",
                503: "The gateway starts, drains, or is upgraded.",
            },
            keys=("force",),
            members=("ok", "generation", "changes"),
        ),
        Page(
            *("POST", "/drain", OPERATOR, "Finish what is under way, begin nothing, end."),
            *(_ordered("drain", orders, log, 202),),
            answers={202: "It has begun; `grace` says for how many seconds it may go on."},
            members=("ok", "pid", "grace"),
        ),
    ]


def _ordered(
    word: str, orders: Mapping[str, Order], log: Log, good: int = 200
) -> Callable[[PageRequest], Awaitable[Content]]:
    """What carries out the order ``word`` and answers ``good``, or why it is refused."""

    async def answer(asked: PageRequest) -> Content:
        import orjson

        log.info("an order came by HTTP", order=word, client=asked.client)
        found = await orders[word](asked.body)
        if found.get("ok"):
            return Content(good, orjson.dumps(found))
        code, detail = str(found.get("error")), str(found.get("detail"))
        more = {key: value for key, value in found.items() if key not in ("ok", "error", "detail")}
        raise AdminProblem(422 if code == "refused" else 503, code, detail, **more)

    return answer
