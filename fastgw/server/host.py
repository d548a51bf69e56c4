"""What changes under way need of whoever runs the gateway."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Coroutine

    from fastgw.config.spec import GatewaySpec, ShutdownSpec
    from fastgw.server.admin import Admin
    from fastgw.server.binding import Plan
    from fastgw.server.gateway import Gateway
    from fastgw.server.listening import Listening
    from fastgw.server.log import Log
    from fastgw.server.workers import WorkerProcess


class Host(Protocol):
    """``control.Control``, as reloads and upgrades see it."""

    gateway: Gateway
    log: Log
    loop: asyncio.AbstractEventLoop
    admin: Admin
    admin_listening: list[Listening]
    is_reload_wanted: bool  #: by a signal that came when none could be begun

    def spawn_task(self, work: Coroutine[Any, Any, None]) -> None:
        """Run ``work`` beside; an exception that escapes it is logged."""

    def tell_warnings(self) -> None:
        """Log what the file that was read last is warned of."""

    def keep_sources(self) -> None:
        """Look up the names, and fetch the keys, of the configuration in use, and no others."""

    async def prepare_sources(self, spec: GatewaySpec) -> None:
        """Look up the names, and fetch the keys, that are new in ``spec``, as long as that may take."""

    async def move_admin(self, listenings: list[Listening]) -> None:
        """Serve the admin pages at other addresses, or nowhere."""

    def launch(self, worker: WorkerProcess) -> None:
        """Start a process for a place that has none."""

    def audition(self, worker: WorkerProcess, plan: Plan) -> None:
        """Start a process that prepares ``plan`` and serves nothing yet; raise OSError."""

    def retire(self, workers: list[WorkerProcess], graces: ShutdownSpec) -> None:
        """Have ``workers`` drain and end; kill those that do not."""

    # -- upgrades

    def pause(self) -> None:
        """Change nothing while a successor starts: it begins with what is now."""

    def resume(self) -> None:
        """There is no successor: go on."""

    def stop(self) -> None:
        """Drain and end."""

    def start_failed(self, *problems: str) -> None:
        """We cannot start."""

    async def take_place(self) -> None:
        """The place of the gateway before us is ours: open what only one can have."""

    def check_stopped(self) -> None:
        """End if all that a stop waits for has ended."""
