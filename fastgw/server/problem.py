"""What the admin address says where it does not do as it is asked: a problem document (RFC 9457), as clients of a route get it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from fastgw.wire.serialize import REASONS

PROBLEM = "application/problem+json"


class AdminProblem(Exception):
    """A request is not done; ``status``, ``code`` and ``detail`` say why."""

    def __init__(
        self, status: int, code: str, detail: str, fields: tuple[tuple[str, str], ...] = (), **more: Any
    ) -> None:
        """``more``: further members of the document."""
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.fields = fields
        self.more: Mapping[str, Any] = more

    def body(self) -> bytes:
        """The document."""
        title = REASONS.get(self.status, b"Error").decode()
        found = {"type": f"urn:fastgw:error:{self.code}", "title": title, "status": self.status, "detail": self.detail}
        return json.dumps(found | dict(self.more)).encode()
