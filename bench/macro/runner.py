"""The order of things: start every gateway of a case, check it, measure round after round, one gateway after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from bench.macro.cases.base import Case, Round, Variant, corpus_file, warm
from bench.macro.contract import check
from bench.macro.errors import BenchError, brief
from bench.macro.loads import run_wrk
from bench.macro.peers import PEERS, REFERENCE
from bench.macro.results import CaseResult, Measured
from bench.macro.scenario import CHAT_SERVICE_PORT, Scenario
from bench.macro.subject import Direct, Sample, Service, Subject

QUIET = 0.05  #: share of the gateway's core that others may use without a word
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Plan:
    """How much of everything."""

    profile: str
    rounds: int
    seconds: float
    peers: tuple[str, ...]  #: those that can run here and were asked for
    is_asked: bool = False  #: they were asked for by name: every case takes all of them
    patience: int = 0  #: how often a measurement is made again because others used the gateway's core meanwhile

    def rounds_of(self, case: Case) -> int:
        """Rounds of a case."""
        cap = case.most_quick_rounds if self.profile == "quick" else case.most_rounds
        return min(self.rounds, cap)


@dataclass(frozen=True, slots=True)
class Slot:
    """A subject in a setting, and where its samples go."""

    subject: Subject
    variant: Variant
    measured: Measured


class CaseRun:
    """One case from its first process to its last."""

    def __init__(self, case: Case, plan: Plan, say: Say) -> None:
        self.case = case
        self.plan = plan
        self.say = say
        self.result = CaseResult(
            name=case.name,
            title=case.title,
            headline=case.headline,
            notes=case.notes,
            compare_first=case.compare_first,
            rounds=plan.rounds_of(case),
            seconds=plan.seconds,
        )
        self._services: dict[tuple[int, bool], Service] = {}
        self._subjects: dict[tuple[str, Scenario], Subject | None] = {}

    def run(self) -> CaseResult:
        """Measure; what cannot be measured is in ``skipped`` with its reason."""
        with self._processes():
            slots = self._slots()
            if self.case.rate_of_maximum:
                self.result.rate = self._fixed_rate(slots)
            for turn in range(self.result.rounds):
                self._round(turn, slots)
        self.result.measured = [slot.measured for slot in slots if slot.measured.samples]
        return self.result

    @contextmanager
    def _processes(self) -> Iterator[None]:
        """Whatever is started in here is stopped at the end."""
        try:
            yield
        finally:
            for subject in self._subjects.values():
                if subject is not None:
                    subject.stop()
            for service in self._services.values():
                service.program.stop()

    def _slots(self) -> list[Slot]:
        """Every gateway in every setting, started if the case wants it so; the service itself first."""
        slots = []
        if self.case.direct:
            variant = self.case.variants[0]
            direct = Direct(variant.scenario, self._service(variant.scenario))
            slots.append(Slot(direct, variant, Measured("direct", variant.label)))
        for variant in self.case.variants:
            if self.plan.profile == "quick" and not variant.in_quick:
                continue
            peers = variant.peers or (
                self.plan.peers if self.plan.is_asked and not self.case.compare_first else self.case.peers
            )
            for name in peers:
                subject = self._subject(name, variant) if name in self.plan.peers else None
                if subject is not None:
                    slots.append(Slot(subject, variant, Measured(name, variant.label)))
        return slots

    def _service(self, scenario: Scenario) -> Service:
        key = (scenario.endpoints if scenario.endpoints > 1 else 0, not scenario.keepalive)
        if key not in self._services:
            port = CHAT_SERVICE_PORT if scenario.chat else 0
            self._services[key] = Service(endpoints=key[0], close=key[1], port=port)
        return self._services[key]

    def _subject(self, name: str, variant: Variant) -> Subject | None:
        """The gateway for a setting; settings that differ in their load alone share one."""
        peer, scenario = PEERS[name], variant.scenario
        key = (name, scenario)
        if key in self._subjects:
            return self._subjects[key]
        self._subjects[key] = None
        label = f"{name}, {variant.label}" if variant.label else name
        reason = peer.refuses(scenario)
        if not reason:
            subject = Subject(peer, scenario, self._service(scenario), label)
            reason = self._started(subject)
            if not reason:
                self._subjects[key] = subject
                return subject
        self._skip(label, reason)
        return None

    def _started(self, subject: Subject) -> str:
        """Start, check the work, warm up; what went wrong, if anything."""
        try:
            subject.start()
            assert subject.wiring is not None
            faults = check(subject.wiring) if subject.peer.is_plain_proxy else []
            if faults:
                subject.stop()
                return f"does not do the same work: {'; '.join(faults)}"
            if self.case.starts_itself:
                subject.stop()
            else:
                warm(subject)
        except (BenchError, OSError) as error:
            subject.stop()
            return str(error)
        return ""

    def _skip(self, label: str, reason: str) -> None:
        self.say(f"{self.case.name}: without {label}: {brief(reason)}")
        self.result.skipped.append((label, reason))

    def _fixed_rate(self, slots: list[Slot]) -> float:
        """A share of what the reference peer (else the first gateway) takes at most, in requests per second."""
        gateways = [slot for slot in slots if not isinstance(slot.subject, Direct)]
        chosen = next((slot for slot in gateways if slot.measured.peer == REFERENCE), gateways[0] if gateways else None)
        if chosen is None:
            return 0.0
        load = chosen.variant.load
        corpus = corpus_file(chosen.variant.scenario, load)
        most = run_wrk(chosen.subject.port, corpus, connections=load.connections, seconds=self.plan.seconds)
        rate = round(most.rate * self.case.rate_of_maximum, -2)
        self.say(f"{self.case.name}: {chosen.measured.peer} takes {most.rate:,.0f} requests/s; the rate is {rate:,.0f}")
        return rate

    def _measure(self, this: Round) -> Sample:
        """The least disturbed of a few tries; the first quiet one ends them."""
        samples: list[Sample] = []
        while len(samples) <= self.plan.patience:
            samples.append(self.case.measure(this))
            if samples[-1].get("foreign", 0.0) < QUIET:
                break
        return min(samples, key=lambda sample: sample.get("foreign", 0.0))

    def _round(self, turn: int, slots: list[Slot]) -> None:
        """One measurement of each."""
        shared: dict[str, Sample] = {}
        for slot in slots:
            this = Round(slot.subject, slot.variant, self.plan.seconds, self.result.rate, shared)
            label = slot.measured.label
            try:
                sample = self._measure(this)
            except (BenchError, OSError) as error:
                self._skip(label, f"round {turn + 1}: {error}")
                continue
            shared[slot.measured.peer] = sample
            slot.measured.samples.append(sample)
            headline = sample.get(self.case.headline, float("nan"))
            errors = f", {sample['errors']:.0f} errors" if sample.get("errors") else ""
            progress = f"{self.case.name} {turn + 1}/{self.result.rounds}"
            self.say(f"{progress}: {label}: {headline:.2f} {self.case.headline}{_speed(sample)}{errors}")


def _speed(sample: Sample) -> str:
    rate = f", {sample['rps']:,.0f}/s" if "rps" in sample else ""
    disturbed = f", others used {sample['foreign']:.0%} of the core" if sample.get("foreign", 0.0) > QUIET else ""
    return rate + disturbed
