"""What the supervisor keeps beside its workers because the configuration names it: addresses of names, lists of members, keys of tokens,
links with a Redis, how busy engines are; where telemetry is sent; and whether its own files change.

Each is there, and imported, once a configuration needs it.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import TYPE_CHECKING, Any

import fastgw
from fastgw.config.listed import Lists
from fastgw.config.spec import GatewaySpec
from fastgw.core.live.news import Answer, Logged, Recorded
from fastgw.server.gateway import Gateway
from fastgw.server.log import Log
from fastgw.server.messages import Asked, Tailed, Wanted
from fastgw.server.names import Names, hosts_of
from fastgw.telemetry.totals import Facts, Totals, total

if TYPE_CHECKING:
    from fastgw.server.discovering import Discovering
    from fastgw.server.engines import Engines
    from fastgw.server.exporter import Exporter
    from fastgw.server.file_watch import FileWatch
    from fastgw.server.forecasting import Forecasting
    from fastgw.server.key_sets import Fetching
    from fastgw.server.leasing import Leasing
    from fastgw.server.model_lists import MemberModels
    from fastgw.server.probing import Probing
    from fastgw.server.pushing import Pushing
    from fastgw.server.reload import Outcome

SOURCES_LIMIT = (
    2.0  #: seconds that a reload waits for the addresses of new names, for new keys, and for a Redis that is new
)


class Sources:
    """Those of one gateway."""

    def __init__(
        self,
        gateway: Gateway,
        log: Log,
        counted: Callable[[], tuple[Facts, Totals]],
        reload: Callable[[str], Awaitable[Outcome]],
    ) -> None:
        """``counted``: returns what the metrics page is made of; ``reload``: loads the file again, for whom it is told."""
        self._gateway = gateway
        self._log = log
        self._counted = counted
        self._reload = reload
        self._pushing: Pushing | None = None
        self._probing: Probing | None = None

    def keep(self) -> None:
        """Keep what the configuration in use has, and nothing else."""
        gateway, knowledge = self._gateway, self._gateway.knowledge
        spec = gateway.plan_in_use.spec
        hosts = hosts_of(spec)
        if hosts or gateway.names is not None:
            self._names(spec).keep(hosts, spec.resolver, spec.state_file)
        knowledge.answers = {host: answer for host, answer in knowledge.answers.items() if host in hosts}
        if spec.key_sets or gateway.fetching is not None:
            self._fetching(spec).keep(spec.key_sets, spec.state_file)
        knowledge.keys = {one: found for one, found in knowledge.keys.items() if one in spec.key_sets}
        if spec.redis or gateway.leasing is not None:
            self._leasing().keep(spec.redis)
        if gateway.engines is not None or any(one.engine is not None for one in spec.services):
            self._engines().keep(spec)
        if gateway.model_lists is not None or any(one.model_lists is not None for one in spec.services):
            self._model_lists().keep(spec)
        names = {one.name for one in spec.services if one.model_lists is not None}
        knowledge.models = {one: found for one, found in knowledge.models.items() if one in names}
        knowledge.links = {one: found for one, found in knowledge.links.items() if one in spec.redis}
        if gateway.lists.discovering is not None or _is_listed(spec):
            self._discovering(spec).keep(spec)
        gateway.lists.retain(spec)
        if gateway.exporter is not None or spec.telemetry is not None:
            self._exporter().keep(spec.telemetry)
            self._log.pass_on(spec.telemetry, self._exporter().take)
        metrics = None if spec.telemetry is None else spec.telemetry.metrics
        if self._pushing is not None or metrics is not None:
            self._pusher().keep(metrics)
        if gateway.forecasting is not None or spec.forecast is not None:
            from fastgw.server.forecasting import following  # only where somebody needs it

            services = spec.services
            self._forecasting().keep(spec.forecast, [one.name for one in services], following(services))
        self._keep_probes()
        self.register()
        if gateway.watching is not None or gateway.is_watching:
            self._file_watch().keep(spec.reload.poll_interval)

    def register(self) -> None:
        """Have registered what the configuration in use says, from the moment on that every worker serves."""
        gateway = self._gateway
        if gateway.registering is None:
            if gateway.plan_in_use.spec.registration is None:
                return
            from fastgw.server.registering import Registering  # only where somebody needs it

            gateway.registering = Registering(gateway, self._log, random.random, gateway.registered)
        if gateway.is_started and not gateway.is_draining:
            gateway.registering.keep()

    def look(self) -> None:
        """Follow what has no event of its own: the health of members that are registered, and what is asked for."""
        if (
            self._gateway.forecasting is not None and not self._gateway.is_draining
        ):  # a successor counts the same workers
            self._gateway.forecasting.look()
        registering = self._gateway.registering
        if registering is not None and self._gateway.is_started and not self._gateway.is_draining:
            registering.look()

    async def prepare(self, spec: GatewaySpec) -> None:
        """Begin with what is new in ``spec``: what does not answer now is a warning in the log, and goes on being asked."""
        waits: list[Coroutine[Any, Any, None]] = []
        if hosts := hosts_of(spec):
            waits.append(self._names(spec).prepare(hosts, spec.resolver, SOURCES_LIMIT))
        if spec.key_sets:
            waits.append(self._fetching(spec).prepare(spec.key_sets, SOURCES_LIMIT))
        if spec.redis:
            waits.append(self._leasing().prepare(spec.redis, SOURCES_LIMIT))
        if _is_listed(spec):
            waits.append(self._discovering(spec).prepare(spec.services, SOURCES_LIMIT))
        await asyncio.gather(*waits)

    def hear(self, message: Wanted | Asked | Recorded | Logged | Tailed) -> None:
        """A worker misses a key, wants leases, has recorded exchanges or written a line, or tells of exchanges that somebody watches."""
        gateway = self._gateway
        if isinstance(message, Recorded | Logged):
            self._exporter().take(message)
        elif isinstance(message, Tailed):
            gateway.knowledge.tail.learn(message)
        elif isinstance(message, Wanted):
            if gateway.fetching is not None:
                gateway.fetching.want(message.key_set)
        elif gateway.leasing is not None:
            gateway.leasing.ask(message.asks)

    async def finish(self) -> None:
        """It is the end: where no worker is left, see that what they have recorded leaves too, if it can."""
        if any(worker.pid for worker in self._gateway.workers):
            return
        if self._gateway.exporter is not None:
            await self._gateway.exporter.finish()
        if self._pushing is not None:
            await self._pushing.finish()

    def _keep_probes(self) -> None:
        """Probe the members that there are now."""
        gateway = self._gateway
        spec = gateway.plan_in_use.spec
        if self._probing is None:
            if all(one.health is None for one in spec.services):
                return
            from fastgw.server.probing import Probing  # likewise

            gateway.probing = self._probing = Probing(gateway.knowledge.learn_health, self._log, random.random)
        self._probing.keep(spec, gateway.knowledge.answers)

    def _learn(self, host: str, answer: Answer) -> None:
        self._gateway.knowledge.learn(host, answer)
        self._keep_probes()

    def _take_lists(self, lists: Lists) -> None:
        self._gateway.knowledge.learn_lists(lists)
        self._keep_probes()

    def close(self) -> None:
        """Keep nothing any more."""
        gateway = self._gateway
        for source in (
            gateway.names,
            gateway.lists.discovering,
            gateway.fetching,
            gateway.leasing,
            gateway.engines,
            gateway.model_lists,
            self._pushing,
            gateway.exporter,
            self._probing,
            gateway.watching,
            gateway.forecasting,
            gateway.registering,
        ):
            if source is not None:
                source.close()

    def _names(self, spec: GatewaySpec) -> Names:
        gateway = self._gateway
        if gateway.names is None:
            from fastgw.discovery.resolver import look_up  # 30 ms and 4 MB that literal addresses do not pay

            gateway.names = Names(self._learn, self._log, random.random, look_up, state_file=spec.state_file)
        return gateway.names

    def _discovering(self, spec: GatewaySpec) -> Discovering:
        lists = self._gateway.lists
        if lists.discovering is None:
            from fastgw.server.discovering import Discovering, SourceMaker  # only where somebody needs it

            membership = self._gateway.membership
            against = membership.options.trust.against if membership is not None else None
            lists.discovering = Discovering(
                self._take_lists, self._log, random.random, SourceMaker(against), state_file=spec.state_file
            )
        return lists.discovering

    def _fetching(self, spec: GatewaySpec) -> Fetching:
        gateway = self._gateway
        if gateway.fetching is None:
            from fastgw.server.key_sets import Fetching  # only where somebody needs it

            gateway.fetching = Fetching(
                gateway.knowledge.learn_keys, self._log, random.random, state_file=spec.state_file
            )
        return gateway.fetching

    def _engines(self) -> Engines:
        gateway = self._gateway
        if gateway.engines is None:
            from fastgw.server.engines import Engines  # likewise

            knowledge = gateway.knowledge
            gateway.engines = Engines(knowledge.learn_loads, lambda: knowledge.places, self._log, random.random)
        return gateway.engines

    def _model_lists(self) -> MemberModels:
        gateway = self._gateway
        if gateway.model_lists is None:
            from fastgw.server.model_lists import MemberModels  # likewise

            knowledge = gateway.knowledge
            gateway.model_lists = MemberModels(
                knowledge.learn_models, lambda: knowledge.places, self._log, random.random
            )
        return gateway.model_lists

    def _file_watch(self) -> FileWatch:
        gateway = self._gateway
        if gateway.watching is None:
            from fastgw.server.file_watch import FileWatch  # likewise

            gateway.watching = FileWatch(gateway, self._reload, self._log)
        return gateway.watching

    def _forecasting(self) -> Forecasting:
        gateway = self._gateway
        if gateway.forecasting is None:
            from fastgw.server.forecasting import Forecasting  # likewise

            gateway.forecasting = Forecasting(self._asked_for, self._log, tell=self._tell_expected)
        return gateway.forecasting

    def _tell_expected(self, exchanges: Mapping[str, float], new: frozenset[str]) -> None:
        gateway = self._gateway
        gateway.knowledge.learn_expected(exchanges, gateway.plan_in_use.count, new)

    def _asked_for(self) -> Totals:
        """What services and endpoints have counted."""
        gateway = self._gateway
        slots = gateway.plan_in_use.slots
        return total(gateway.slabs, {}, slots.services, slots.endpoints, {})

    def _exporter(self) -> Exporter:
        gateway = self._gateway
        if gateway.exporter is None:
            from fastgw.server.exporter import Exporter, identity  # likewise

            gateway.exporter = Exporter(identity(), fastgw.__version__, self._log.apart(), random.random)
        return gateway.exporter

    def _pusher(self) -> Pushing:
        if self._pushing is None:
            from fastgw.server.pushing import Pushing  # likewise

            self._pushing = Pushing(self._exporter(), self._counted, self._log.apart())
        return self._pushing

    def _leasing(self) -> Leasing:
        gateway = self._gateway
        if gateway.leasing is None:
            from fastgw.server.leasing import Leasing  # likewise

            gateway.leasing = Leasing(
                gateway.knowledge.learn_link, lambda: gateway.board.view, self._log, random.random
            )
        return gateway.leasing


def _is_listed(spec: GatewaySpec) -> bool:
    """Are the members of some service listed elsewhere?"""
    return any(one.discovery is not None for one in spec.services)
