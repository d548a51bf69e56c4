"""What a snapshot asks of what it is put together from.

Apart from it because only the types are checked by this: a worker need not have it in memory.  A service here is a
``snapshot.Service``, which rests on this module.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from fastgw.core.live.gate import GateTerms


class Balancer(Protocol):
    """Chooses one of several endpoints (``policy.balancers``)."""

    def pick(self, candidates: Sequence[Any]) -> Any:
        """One of ``candidates``, which is not empty."""


class Copier(Protocol):
    """Copies some of a route's requests to a service (``core.mirror``)."""

    @property
    def services(self) -> Sequence[Any]:
        """Where they may go."""

    def copy(self, exchange: Any) -> Any:
        """What gets a copy of the request of ``exchange``, which goes to its service now; None: nothing does."""


class Sending(Protocol):
    """What is done with every request that is sent to a service (``exchange.times``)."""

    def on_carrier(self, exchange: Any) -> None:
        """It is about to be sent."""

    def on_sent(self, exchange: Any) -> None:
        """All of it is sent, or about to be: from now on its answer is waited for."""


class Witness(Protocol):
    """Is told how the tries of exchanges that have notes begin and end (``filters.tracing``).  Nothing it does may fail or wait."""

    def on_ask(self, exchange: Any) -> None:
        """``exchange.endpoint`` was chosen, and is asked for a carrier."""

    def on_carrier(self, exchange: Any) -> None:
        """There is one: the request is about to be sent."""

    def on_answer(self, exchange: Any) -> None:
        """The head of its answer has come, whatever is done about it."""

    def on_failure(self, exchange: Any, error: Any) -> None:
        """``error`` ends it, in front of its answer or in the middle of that."""


class Chooser(Protocol):
    """Answers some of a route's requests in the place of their service (``adapters.cache``)."""

    @property
    def takes_bodies(self) -> bool:
        """Whether requests with a body are among those."""

    def choose(self, exchange: Any, service: Any) -> Any:
        """What answers ``exchange``, for which ``service`` was chosen."""


class Mind(Protocol):
    """What looks at the head of an answer before anybody else does, and may keep it from the client: a retry, a fallback."""

    def __call__(self, exchange: Any) -> bool:
        """Whether the answer of ``exchange`` is not passed on, because it was set aside (``Exchange.set_aside``), and more done."""


class Admitting(Protocol):
    """Admits no more exchanges to a service than it can serve (``core.live.gate``).  Each False: it was failed, or waits: its
    ``on_admitted`` or ``ask_anew`` will be called."""

    def enter(self, exchange: Any, is_late: bool) -> bool:
        """Whether ``exchange``, whose service has just been chosen, goes on: it has a place now, or will ask for it with its body
        (``is_late``), which is still coming or is to pass hooks."""

    def admits(self, exchange: Any) -> bool:
        """Whether ``exchange``, which has no place and may ask an endpoint now, has got one."""

    def apply(self, terms: GateTerms, base: int) -> None:
        """It is installed by these terms, and its service's counters begin at ``base``."""

    def for_copies(self) -> Admitting:
        """What admits copies of the service's requests."""


class Destination(Protocol):
    """What a route, a split or a mirror leads to: a service, or several versions of it (``snapshot.versions``), or, of a route alone, the
    models that requests name (``models.choice``), whose ``choose`` may return None: it waits for the body, or has answered."""

    @property
    def name(self) -> str:
        """As the file has it."""

    @property
    def services(self) -> tuple[Any, ...]:
        """Every service that ``choose`` may return."""

    def choose(self, exchange: Any) -> Any:
        """The service for ``exchange``."""

    def without_retries(self) -> Destination:
        """The same, asked once for each request."""

    def falling_back(self, fallback: Any) -> Destination:
        """The same, with ``fallback`` answering where it cannot."""
