"""What the file says of calls of gRPC: which of them a route is for, and how large their messages may be.

Annotations are not postponed here (``from __future__``): pydantic would compile and evaluate each of them at the start.
"""

import re
from typing import Annotated, Any, Final
from urllib.parse import quote

from fastgw.config.model import Model, setting
from fastgw.config.types import Boolean, Parsed, Size
from fastgw.config.values import scalar, shown

#: A condition of routes that no field is called by: how the ``content-type`` begins (``wire.messages``).
KIND: Final = ("content-type*", "application/grpc")

ANY_BODY: Final = "1024TiB"  #: what no stream has

_METHOD: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SERVICE: Final = re.compile(rf"{_METHOD.pattern}(?:\.{_METHOD.pattern})*")


def call_service(value: object) -> str:
    """The name of a service with its package; empty: none is named.

    Raises:
        ValueError: it is none.
    """
    return _named(_SERVICE, value, "the name of a service with its package such as helloworld.Greeter")


def call_method(value: object) -> str:
    """The name of a method; the same."""
    return _named(_METHOD, value, "the name of a method such as SayHello")


def _named(pattern: re.Pattern[str], value: object, what: str) -> str:
    found = scalar(value, what)
    if found and not pattern.fullmatch(found):
        raise ValueError(f"expected {what}, got {shown(value)}{_meant(found)}")
    return found


def _meant(found: str) -> str:
    """What may be meant by a path in the place of a name."""
    service, slash, method = found.strip("/").partition("/")
    if _SERVICE.fullmatch(service) and not slash:
        return f"; did you mean {service!r}?"
    if _SERVICE.fullmatch(service) and _METHOD.fullmatch(method):
        return f"; did you mean service: {service}, method: {method}?"
    return ""


class Grpc(Model):
    """Calls of gRPC: which a route is for, and what is done with them."""

    service: Annotated[str, Parsed(call_service, type="string", examples=["helloworld.Greeter"])] = setting(
        "", "Name with its package, in the place of path: the route takes calls of this service alone."
    )
    method: Annotated[str, Parsed(call_method, type="string", examples=["SayHello"])] = setting(
        "", "Name of one method of it. Default: all of them."
    )
    count_messages: Boolean = setting(False, "Count messages and their bytes, both ways.")
    max_request_message: Size = setting("0", "Bytes of one message of a client (RESOURCE_EXHAUSTED). 0: any.")
    max_response_message: Size = setting("0", "Bytes of one message of the service (the same). 0: any.")


def with_conditions(data: Any) -> Any:
    """The mapping of a route with the path, the method and the type that its ``grpc.service`` stands for."""
    named = data.get("grpc") if isinstance(data, dict) else None
    if not isinstance(named, dict) or data.get("path") is not None:
        return data
    service, method = named.get("service"), named.get("method")
    if not isinstance(service, str) or not service:
        return data
    # What is no name is told where it stands: here it only has to be a path, and not that of another route.
    last = quote(method, safe="") if isinstance(method, str) and method else "*"
    headers = data.get("headers")
    conditions = dict(headers) if isinstance(headers, dict) else {}
    conditions[KIND[0]] = KIND[1]
    found = {
        "path": f"/{quote(service, safe='')}/{last}",
        "methods": data.get("methods") or ["POST"],
        "headers": conditions,
    }
    # Of a stream all messages together have no bound that is one of anything: none of them is kept.
    return {"max_body": ANY_BODY, **data, **found}


def shown_call(grpc: Grpc) -> str:
    """What a route is called that has no name: ``grpc helloworld.Greeter/SayHello``."""
    return f"grpc {grpc.service}/{grpc.method or '*'}"
