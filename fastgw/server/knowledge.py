"""What the supervisor knows beside the configuration: where names lead, who is listed, which members are up, keys and links of filters.

It changes between reloads, by what is kept beside the workers (``server.sources``) and by what workers report.  All of them are told what
is news to them, and one that comes later is told all of it at once, behind its first configuration.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping
from typing import TYPE_CHECKING

from fastgw.config.listed import Lists
from fastgw.core.live.news import Answer
from fastgw.core.settings import KeySetSettings, RedisSettings
from fastgw.server.findings import Findings, places_of
from fastgw.server.lists import Listable, MemberLists
from fastgw.server.messages import Busy, Endpoints, Expecting, Fetched, Linked, ModelsListed
from fastgw.server.standings import Standings
from fastgw.server.tail import TailRing

if TYPE_CHECKING:
    from fastgw.core.live.news import Finding, KeySet, LinkState
    from fastgw.server.engines import Loads
    from fastgw.server.log import Log
    from fastgw.server.messages import Report
    from fastgw.server.workers import WorkerProcess


class Knowledge:
    """That of one gateway."""

    def __init__(self, lists: MemberLists, tell: Callable[[object, WorkerProcess | None], object]) -> None:
        """``lists``: of members that no file names; ``tell``: sends a message to every worker that serves something, but the second."""
        self._lists = lists
        self._tell = tell
        self._plan: Listable | None = None  # the one in use
        self.answers: dict[str, Answer] = {}  #: what is known of the names of endpoints
        self.keys: dict[KeySetSettings, KeySet] = {}  #: what is known of keys that are fetched
        self.links: dict[RedisSettings, LinkState] = {}  #: which Redis can be asked
        self.models: dict[str, dict[str, tuple[str, ...]]] = {}  #: by service and address, which models members have
        self.expecting: Expecting | None = (
            None  #: what services are expected to have under way; None: nothing follows forecasts
        )
        self.places: dict[
            tuple[str, str], tuple[str, ...]
        ] = {}  #: of the configuration in use: the addresses of each endpoint, itself or those that its name has
        self._endpoints: dict[str, list[tuple[str, str]]] = {}  # the keys of ``places``, by service
        self.standings, self.findings = Standings(), Findings()
        self.tail = TailRing(lambda message: tell(message, None))  #: of exchanges that failed or were slow

    def adopt(self, plan: Listable) -> None:
        """``plan`` is in use now: forget what is of members that it does not have."""
        self._plan = plan
        self._forget_who_is_gone()

    def brief(self, worker: WorkerProcess) -> None:
        """Tell a worker all that it does not have by its configuration, which it has been given just now as its first."""
        assert worker.channel is not None
        for news in (Endpoints(self.answers), Fetched(self.keys), Linked(self.links), self.tail.order):
            if news[0]:  # else there is nothing to be told
                worker.channel.send(news)
        for service, lists in self.models.items():
            worker.channel.send(ModelsListed(service, lists))
        if self.expecting is not None:
            worker.channel.send(self.expecting)

    def tell_findings(self, worker: WorkerProcess) -> None:
        """Tell a worker that serves now what the others have found."""
        if (findings := self.findings.now) and worker.channel is not None:
            worker.channel.send(Endpoints({}, findings))

    def learn(self, host: str, answer: Answer) -> None:
        """Let every worker know what was found for a name."""
        self.answers[host] = answer
        self._forget_who_is_gone()
        self._tell(Endpoints({host: answer}), None)

    def learn_lists(self, lists: Lists) -> None:
        """Let every worker know whom the sources of these services list."""
        news = self._lists.learn(lists, self._plan)
        self._place(lists)
        self._tell(Endpoints({}, lists=news), None)

    def learn_keys(self, key_set: KeySetSettings, news: KeySet) -> None:
        """Let every worker know what was fetched."""
        self.keys[key_set] = news
        self._tell(Fetched({key_set: news}), None)

    def learn_loads(self, service: str, loads: Loads) -> None:
        """Let every worker know how busy the engines of a service are."""
        self._tell(Busy(service, {place: (tuple(load), until) for place, (load, until) in loads.items()}), None)

    def learn_models(self, service: str, lists: Mapping[str, tuple[tuple[str, ...], float]]) -> None:
        """Let every worker know which models the members of a service have."""
        known = {place: names for place, (names, _) in lists.items()}
        if known != self.models.get(service):
            self.models[service] = known
            self._tell(ModelsListed(service, known), None)

    def learn_expected(self, exchanges: Mapping[str, float], workers: int, new: frozenset[str]) -> None:
        """Let every worker know what services are expected to have under way; ``new``: of which nothing was said yet."""
        self.expecting = Expecting(dict(exchanges), workers)  # to one that comes later nothing of that is news
        self._tell(self.expecting._replace(new=new), None)

    def learn_link(self, redis: RedisSettings, state: LinkState) -> None:
        """Let every worker know whether a Redis can be asked."""
        self.links[redis] = state
        self._tell(Linked({redis: state}), None)

    def learn_health(self, findings: list[Finding]) -> None:
        """Let every worker know what probes have found."""
        self.findings.put(findings)
        self._tell(Endpoints({}, tuple(findings)), None)

    def hear(self, worker: WorkerProcess, report: Report, log: Log) -> None:
        """Learn what ``worker`` says of members; let the other workers know what is news to them, and log what it finds."""
        self.standings.learn(worker.index, report.standings)
        if report.findings:
            if news := self.findings.learn(worker.index, report.findings, self.places, log):
                self._tell(Endpoints({}, tuple(news)), worker)

    def _forget_who_is_gone(self) -> None:
        """There is another configuration, or another answer for a name."""
        self.places = places_of(self._plan.spec.services, self.answers) if self._plan is not None else {}
        self._endpoints = {}
        for name in self.places:
            self._endpoints.setdefault(name[0], []).append(name)
        self.standings.retain(self.places)
        self.findings.retain(self.places)

    def _place(self, names: Container[str]) -> None:
        """The same of these services alone, which have other members: there may be thousands in others."""
        if self._plan is None:
            return
        for service in self._plan.spec.services:
            if service.name in names:
                found = places_of((service,), self.answers)
                gone = [name for name in self._endpoints.get(service.name, ()) if name not in found]
                for name in gone:
                    del self.places[name]
                self.places |= found
                self._endpoints[service.name] = [*found]
                self.standings.leave(gone)
        self.findings.retain(self.places)
