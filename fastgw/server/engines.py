"""How busy inference engines are: read from the pages of metrics of the members of services.

Of a member that says nothing workers know what they have in hand themselves, and no more.
"""

from __future__ import annotations

from typing import Any, ClassVar

from fastgw.config.spec import EngineSpec, ServiceSpec
from fastgw.policy.engines import Load, known, load_of
from fastgw.server.member_pages import MemberPages
from fastgw.wire.exposition import values

Loads = dict[str, tuple[Load, float]]  #: by address, what was read and until when it is good


class Engines(MemberPages[Load]):
    """All of the configuration in use."""

    accepts: ClassVar[bytes] = b"text/plain; version=0.0.4"
    failed: ClassVar[str] = "an engine does not say how busy it is"
    works: ClassVar[str] = "an engine says how busy it is again"

    def terms(self, service: ServiceSpec) -> EngineSpec | None:
        """See ``MemberPages``."""
        engine = service.engine
        return engine if engine is not None and engine.poll else None

    def read(self, service: ServiceSpec, body: bytes) -> Load:
        """See ``MemberPages``."""
        engine = service.engine
        assert engine is not None
        return load_of(values(body, engine.metrics or known(engine.kind)), engine.kind)

    def said(self, page: Load) -> dict[str, Any]:
        """See ``MemberPages``."""
        return page._asdict()
