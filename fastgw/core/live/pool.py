"""What the connections to one endpoint are to whoever asks for one: an interface, which each protocol implements."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fastgw.errors import GatewayError


class Pool:
    """The carriers of one worker to one endpoint: those at rest, those at work, and the exchanges that wait for one.

    What is called exchange here is a ``core.exchange.ends.Exchange``, and what is called carrier a ``Carrier`` of that module; both rest
    on this floor, which therefore does not speak of them.
    """

    __slots__ = ("settings", "shortage", "takes_chunks")

    def __init__(self, settings: Any, *, takes_chunks: bool = False) -> None:
        """``settings``: ``PoolSettings``."""
        self.settings = settings
        self.takes_chunks = (
            takes_chunks  #: its carriers pass on the chunks of HTTP/1 (RFC 9112 section 7.1) as they came
        )
        #: Why no connection could be opened here last, if that was our own lack.
        self.shortage: GatewayError | None = None

    # --- what an exchange asks

    def acquire(self, exchange: Any) -> Any:
        """A carrier for ``exchange`` now, or None: it was put in line and will get ``on_carrier`` or ``fail``.

        Raises:
            UpstreamError: ``max_pending`` exchanges are waiting already (503), or that is of no use.
        """
        raise NotImplementedError

    def cancel(self, exchange: Any) -> None:
        """``exchange`` no longer waits."""
        raise NotImplementedError

    def on_request_done(self, exchange: Any) -> None:
        """The body of ``exchange``, which waits for a carrier here, has arrived completely."""
        raise NotImplementedError

    def end_upload(self, exchange: Any) -> None:
        """``exchange``, which is an upload, is complete, or has gone."""
        raise NotImplementedError

    def count_wait(self, exchange: Any) -> None:
        """``exchange``, which has waited in line, is about to get a carrier."""
        raise NotImplementedError

    def check_line(self) -> None:
        """One more is about to wait.

        Raises:
            UpstreamError: 503, ``max_pending`` exchanges are waiting already.
        """
        raise NotImplementedError

    @property
    def pressing(self) -> int:
        """Exchanges that wait although there are as many connections as there may be."""
        raise NotImplementedError

    @property
    def places(self) -> int:
        """Exchanges that all connections together can have at once."""
        raise NotImplementedError

    # --- what a carrier tells

    def put_back(self, carrier: Any) -> None:
        """A carrier whose exchange ended well, and which may have another."""
        raise NotImplementedError

    def on_closed(self, carrier: Any) -> None:
        """A carrier of this pool is gone."""
        raise NotImplementedError

    # --- what its endpoint tells

    def sweep(self, now: float) -> None:
        """Do what is due; ``now`` in coarse loop time."""
        raise NotImplementedError

    def warm_up(self) -> None:
        """Have as many connections open as are wanted before anybody asks."""
        raise NotImplementedError

    def apply(self, settings: Any) -> None:
        """Have other ``PoolSettings`` from now on.  No connection that may stay is closed; what is too many goes when it is at rest."""
        raise NotImplementedError

    def open_one(self) -> bool:
        """Open a connection that nobody has asked for, to see whether that is possible; False: there is no room."""
        raise NotImplementedError

    def turn_away(self, error: GatewayError) -> None:
        """Everybody who waits for a connection fails with ``error``: asking elsewhere is better."""
        raise NotImplementedError

    def hand_over(self) -> None:
        """Everybody who waits for a connection asks another member: this is none any more."""
        raise NotImplementedError

    def drop_idle(self) -> None:
        """Close whatever is at rest: one of them turned out to be dead."""
        raise NotImplementedError

    def retire(self) -> None:
        """No snapshot names this endpoint any more: keep nothing at rest from now on."""
        raise NotImplementedError

    def close(self) -> None:
        """The worker ends."""
        raise NotImplementedError
