"""Shares of versions in a worker: changed in place, in the configuration that it serves and in one that it has prepared."""

from __future__ import annotations

from typing import Protocol

from fastgw.core.snapshot.snapshot import Snapshot
from fastgw.server.messages import Weigh, Weighed


class Holder(Protocol):
    """What has a configuration."""

    @property
    def snapshot(self) -> Snapshot:
        """It, compiled."""


def weigh(message: Weigh, *holders: Holder | None) -> Weighed:
    """Do what ``message`` says, wherever a service has these versions."""
    for holder in holders:
        for one in holder.snapshot.versions if holder is not None else ():
            shares = message.shares.get(one.name)
            if shares is not None and set(shares) == set(one.shares.names):
                one.shares.replace([shares[name] for name in one.shares.names])
    return Weighed(message.serial)
