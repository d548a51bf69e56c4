"""Whatever befalls a fleet: nodes come, go, refuse and go back, coordinators are late and die, pushes come at any time, etcd is wiped.

Nodes and coordinators act by what they have heard last, which may be long ago; what is written is compared, as etcd does it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from fastgw.fleet.coordinating import ANSWER_MOST, NodeSeen, Offer, Situation, next_step
from fastgw.fleet.records import (
    CANARY,
    CHECKING,
    GUARDING,
    OVER,
    PROMOTED,
    REFUSED,
    SERVING,
    WAITING,
    WENT_BACK,
    Canary,
    FleetNode,
    FleetRollout,
)

GOOD, NOT_FOR_SOME, NOT_TAKEN, HARMFUL = "good", "not for some", "not taken", "harmful"
NAMES = "abcde"
SOME = "ad"  #: nodes that see it otherwise


@dataclass
class Etcd:
    """What is there now."""

    generations: dict[int, Offer] = field(default_factory=dict)
    latest: int = 0
    rollout: FleetRollout | None = None
    revision: int = 0  #: of the rollout
    nodes: dict[str, FleetNode] = field(default_factory=dict)
    coordinator: tuple[str, int] | None = None  #: who, and by which lease

    def copy(self) -> Etcd:
        """What somebody has heard of it."""
        return Etcd(
            dict(self.generations), self.latest, self.rollout, self.revision, dict(self.nodes), self.coordinator
        )


@dataclass
class Gateway:
    """A node, as it has to be."""

    name: str
    serves: Offer | None = None
    before: Offer | None = None  #: what it served before that
    checked: str = ""  #: digest
    record: FleetNode | None = None
    heard: Etcd = field(default_factory=Etcd)


class Story(RuleBasedStateMachine):
    """Five nodes at most, each of which may coordinate."""

    def __init__(self) -> None:
        super().__init__()
        self.etcd = Etcd()
        self.live: dict[str, Gateway] = {}
        self.leaders: dict[
            str, tuple[int, Etcd, float]
        ] = {}  # who believes to lead: its lease, what it has heard, since when
        self.nature: dict[str, str] = {}  # by digest
        self.promoted: set[str] = set()  # digests that were, at any time
        self.tried: set[tuple[str, str]] = set()  # a canary and what it was to try
        self.refused: set[str] = set()
        self.leases = self.digests = self.revisions = 0
        self.now = 0.0

    # -- what happens

    @rule(
        nature=st.sampled_from([GOOD, GOOD, NOT_FOR_SOME, NOT_TAKEN, HARMFUL]), share=st.sampled_from([0, 0.2, 0.5, 1])
    )
    def push(self, nature: str, share: float) -> None:
        self.digests += 1
        digest = f"text {self.digests}"
        self.nature[digest] = nature
        self.etcd.latest += 1
        canary = Canary(share, 10.0) if share else None
        self.etcd.generations[self.etcd.latest] = Offer(self.etcd.latest, digest, canary)

    @initialize(names=st.sets(st.sampled_from(NAMES), min_size=2))
    def begin(self, names: set[str]) -> None:
        for name in sorted(names):
            self.come(name)

    @rule(name=st.sampled_from(NAMES))
    def come(self, name: str) -> None:
        if name not in self.live:
            self.live[name] = Gateway(name)
            self.write(self.live[name])

    @rule(name=st.sampled_from(NAMES))
    def die(self, name: str) -> None:
        """Its lease is over; a coordinator that was only cut off may believe to lead for a while."""
        if self.live.pop(name, None):
            self.etcd.nodes.pop(name, None)
            if self.etcd.coordinator and self.etcd.coordinator[0] == name:
                self.etcd.coordinator = None

    @rule()
    def wipe(self) -> None:
        self.etcd = Etcd()
        for one in self.live.values():  # they register again, before they have heard more
            if one.record is not None:
                self.etcd.nodes[one.name] = one.record

    @rule(seconds=st.sampled_from([1.0, 11.0, 61.0]))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    # -- what nodes do

    @precondition(lambda self: self.live)
    @rule(data=st.data())
    def hear(self, data: st.DataObject) -> None:
        self.live[data.draw(st.sampled_from(sorted(self.live)))].heard = self.etcd.copy()

    @precondition(lambda self: self.live)
    @rule(data=st.data())
    def act(self, data: st.DataObject) -> None:
        self.one_acts(self.live[data.draw(st.sampled_from(sorted(self.live)))])

    def one_acts(self, one: Gateway) -> bool:
        """Do what it is asked for, by what it has heard; return if there was something."""
        rollout = one.heard.rollout
        if rollout is None or one.record is None:
            return False
        if one.record.state == GUARDING:
            assert one.serves is not None
            if self.nature[one.serves.sha256] == HARMFUL:
                one.serves = one.before
                self.write(one, WENT_BACK)
            else:
                self.write(one)
            return True
        offer = one.heard.generations[rollout.number]
        if rollout.phase not in OVER and one.checked != offer.sha256:
            one.checked = offer.sha256
            is_bad = self.nature[offer.sha256] == NOT_FOR_SOME and one.name in SOME
            self.write(one, REFUSED if is_bad else "", checked=offer, problems=("no",) if is_bad else ())
            return True
        wanted = one.heard.generations.get(rollout.wanted_of(one.name))
        is_new = wanted is not None and wanted != one.serves
        has_failed = is_new and one.checked == wanted.sha256 and one.record.state in (REFUSED, WENT_BACK)  # type: ignore[union-attr]
        if wanted is None or not is_new or has_failed:
            return False
        self.take(one, wanted)
        return True

    def take(self, one: Gateway, wanted: Offer) -> None:
        nature = self.nature[wanted.sha256]
        if nature == NOT_TAKEN and one.name in SOME:
            one.checked = wanted.sha256
            self.write(one, REFUSED, checked=wanted)
            return
        one.before, one.serves = one.serves, wanted
        assert wanted.sha256 in self.promoted or (one.name, wanted.sha256) in self.tried
        assert wanted.sha256 not in self.refused
        self.write(one, GUARDING if nature == HARMFUL and one.before is not None else SERVING)

    def write(
        self, one: Gateway, state: str = "", checked: Offer | None = None, problems: tuple[str, ...] = ()
    ) -> None:
        before = one.record
        serves = one.serves
        number = checked.number if checked else before.checked if before else 0
        found = problems if checked or before is None else before.problems
        uses, digest = (serves.number, serves.sha256) if serves else (0, "")
        state = state or (SERVING if serves else WAITING)
        one.record = FleetNode(one.name, "1", "", uses, digest, number, found, state, "", self.now, 1)
        self.etcd.nodes[one.name] = one.record

    # -- what coordinators do

    @precondition(lambda self: self.live)
    @rule(data=st.data())
    def campaign(self, data: st.DataObject) -> None:
        self.lead(data.draw(st.sampled_from(sorted(self.live))))

    def lead(self, name: str) -> None:
        if self.etcd.coordinator is None:
            self.leases += 1
            self.etcd.coordinator = (name, self.leases)
            self.leaders[name] = (self.leases, self.etcd.copy(), self.now)

    @precondition(lambda self: self.leaders)
    @rule(data=st.data(), is_late=st.booleans())
    def coordinate(self, data: st.DataObject, is_late: bool) -> None:
        self.one_coordinates(data.draw(st.sampled_from(sorted(self.leaders))), is_late)

    def one_coordinates(self, name: str, is_late: bool = False) -> bool:
        lease, heard, since = self.leaders[name]
        if not is_late:
            if heard.rollout != self.etcd.rollout:
                since = self.now
            heard = self.etcd.copy()
            self.leaders[name] = (lease, heard, since)
        seconds = self.now - since
        nodes = {one.name: NodeSeen(one, min(seconds, self.now - one.since)) for one in heard.nodes.values()}
        after = next_step(Situation(heard.rollout, heard.latest, heard.generations, nodes, seconds, self.now))
        if self.etcd.coordinator != (name, lease) or (after is not None and self.etcd.revision != heard.revision):
            if self.etcd.coordinator != (name, lease):
                del self.leaders[name]
            return False  # etcd does not take it
        if after is None:
            return False
        self.written(heard.rollout, after)
        return True

    def written(self, before: FleetRollout | None, after: FleetRollout) -> None:
        """What the steps are, apart from when."""
        self.revisions += 1
        self.etcd.rollout, self.etcd.revision = after, self.revisions
        digest = self.etcd.generations[after.number].sha256
        if after.phase == CANARY:
            self.tried |= {(name, digest) for name in after.canaries}
        if after.phase == CHECKING:
            assert before is None or after.promoted == before.promoted
        if after.phase == REFUSED:
            self.refused.add(digest)
        if after.phase == WENT_BACK:
            assert before is not None and after.promoted != after.number and after.reason
        if after.promoted:
            self.promoted.add(self.etcd.generations[after.promoted].sha256)
        if after.phase == PROMOTED:
            assert all(one.digest == digest and one.state != GUARDING for one in self.etcd.nodes.values())

    @precondition(lambda self: self.live)
    @rule(data=st.data(), names=st.sets(st.sampled_from(NAMES), min_size=2), seconds=st.sampled_from([0.0, 11.0]))
    def go_on(self, data: st.DataObject, names: set[str], seconds: float) -> None:
        """As it mostly is: who leads knows all, and some of the others do what they are asked for."""
        self.now += seconds
        self.lead(data.draw(st.sampled_from(sorted(self.live))))
        assert self.etcd.coordinator is not None
        self.one_coordinates(self.etcd.coordinator[0])
        for name in sorted(names & self.live.keys()):
            self.live[name].heard = self.etcd.copy()
            self.one_acts(self.live[name])

    # -- what holds

    @invariant()
    def what_was_refused_is_used_by_nobody(self) -> None:
        assert not {one.serves.sha256 for one in self.live.values() if one.serves} & self.refused
        assert not self.promoted & self.refused

    @precondition(lambda self: self.live)
    @rule()
    def all_is_quiet(self) -> None:
        """Everybody hears and acts: then the rollout is over, and all use what is promoted."""
        for _ in range(40):
            self.now += ANSWER_MOST / 5
            if self.etcd.coordinator is None:
                self.lead(min(self.live))
            assert self.etcd.coordinator is not None
            is_busy = self.one_coordinates(self.etcd.coordinator[0])
            for one in self.live.values():
                one.heard = self.etcd.copy()
                is_busy |= self.one_acts(one)
            if not is_busy and (self.etcd.rollout is None or self.etcd.rollout.phase in OVER):
                break
        rollout = self.etcd.rollout
        assert (rollout.number if rollout else 0) == self.etcd.latest
        if rollout is None:
            return
        assert rollout.phase in OVER
        promoted = self.etcd.generations.get(rollout.promoted)
        alike = {
            one.serves for one in self.live.values() if one.record and one.record.state not in (REFUSED, WENT_BACK)
        }
        assert promoted is None or alike <= {promoted}


TestStory = Story.TestCase
TestStory.settings = settings(max_examples=40, stateful_step_count=50, deadline=None)
