"""The order of measurements, what is skipped, and the command line; nothing is started."""

from __future__ import annotations

import pytest

from bench.macro import cli, runner
from bench.macro.cases import CASES
from bench.macro.cases.base import Case, Load, Round, Variant, load_metrics
from bench.macro.errors import BenchError
from bench.macro.loads import LoadResult
from bench.macro.peers.base import Peer
from bench.macro.results import CaseResult
from bench.macro.runner import CaseRun, Plan
from bench.macro.scenario import Scenario
from bench.macro.subject import Meter, Sample, Subject

Log = list[str]


class StubProgram:
    def stop(self) -> None:
        """Nothing runs."""


class StubService:
    port = 1
    program = StubProgram()

    def __init__(self, *, endpoints: int = 0, close: bool = False, port: int = 0) -> None:
        self.settings = (endpoints, close, port)


class StubSubject:
    """Counts starts and stops instead of making processes."""

    log: Log = []
    fails: str = ""
    wiring = object()

    def __init__(self, peer: Peer, scenario: Scenario, service: StubService, label: str) -> None:
        self.peer = peer
        self.label = label

    def start(self) -> None:
        if self.label == self.fails:
            raise BenchError("does not start\nfor a reason")
        self.log.append(f"start {self.label}")

    def stop(self) -> None:
        self.log.append(f"stop {self.label}")


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> Log:
    StubSubject.log, StubSubject.fails = [], ""
    monkeypatch.setattr(runner, "Subject", StubSubject)
    monkeypatch.setattr(runner, "Service", StubService)
    monkeypatch.setattr(runner, "check", lambda wiring: [])
    monkeypatch.setattr(runner, "warm", lambda subject: None)
    return StubSubject.log


def measure(this: Round) -> Sample:
    StubSubject.log.append(f"measure {this.subject.label}")
    return {"cpu_us": 1.0, "rps": 100.0, "foreign": 0.5, "errors": 2.0}


def run(case: Case, said: Log, **plan: object) -> CaseResult:
    settings: dict[str, object] = {
        "profile": "quick",
        "rounds": 2,
        "seconds": 1.0,
        "peers": ("nginx", "haproxy"),
    } | plan
    return CaseRun(case, Plan(**settings), said.append).run()  # type: ignore[arg-type]


def test_gateways_take_turns(log: Log) -> None:
    said: Log = []
    result = run(Case("c", "C", measure, peers=("nginx", "haproxy", "caddy")), said)
    assert log[:2] == ["start nginx", "start haproxy"]
    assert log[2:6] == ["measure nginx", "measure haproxy"] * 2
    assert sorted(log[6:]) == ["stop haproxy", "stop nginx"]
    assert [(one.peer, len(one.samples)) for one in result.measured] == [("nginx", 2), ("haproxy", 2)]
    assert "c 1/2: nginx: 1.00 cpu_us, 100/s, others used 50% of the core, 2 errors" in said


def test_settings_that_differ_in_load_share_a_gateway(log: Log) -> None:
    variants = tuple(Variant(str(n), load=Load(connections=n)) for n in (1, 64))
    run(Case("c", "C", measure, variants=variants, peers=("nginx",)), [], rounds=1)
    assert [line for line in log if line.startswith("start")] == ["start nginx, 1"]
    variants = tuple(Variant(str(n), Scenario(routes=n)) for n in (10, 100))
    log.clear()
    run(Case("c", "C", measure, variants=variants, peers=("nginx",)), [], rounds=1)
    assert [line for line in log if line.startswith("start")] == ["start nginx, 10", "start nginx, 100"]


def test_the_quick_profile_leaves_settings_out(log: Log) -> None:
    case = Case("c", "C", measure, variants=(Variant("1"), Variant("2", in_quick=False)), peers=("nginx",))
    assert run(case, [], rounds=1).variants == ["1"]
    assert run(case, [], rounds=1, profile="full").variants == ["1", "2"]


def test_a_gateway_that_does_not_start_is_left_out_and_said_so(log: Log) -> None:
    StubSubject.fails = "haproxy"
    said: Log = []
    result = run(Case("c", "C", measure, peers=("nginx", "haproxy")), said)
    assert result.skipped == [("haproxy", "does not start\nfor a reason")]
    assert said[0] == "c: without haproxy: does not start for a reason"
    assert [one.peer for one in result.measured] == ["nginx"]


def test_a_gateway_that_does_less_is_not_measured(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "check", lambda wiring: ["Via is missing"])
    result = run(Case("c", "C", measure, peers=("nginx",)), [])
    assert result.measured == [] and "does not do the same work: Via is missing" in result.skipped[0][1]


def test_a_failed_round_does_not_end_the_run(log: Log) -> None:
    turns = iter((True, False))

    def sometimes(this: Round) -> Sample:
        if next(turns):
            raise BenchError("connection lost")
        return {"cpu_us": 1.0}

    result = run(Case("c", "C", sometimes, peers=("nginx",)), [])
    assert len(result.measured[0].samples) == 1 and "round 1" in result.skipped[0][1]


def test_a_disturbed_measurement_is_made_again_if_there_is_patience(log: Log) -> None:
    shares = iter((0.4, 0.2, 0.01, 0.9, 0.8, 0.7, 0.5))

    def noisy(this: Round) -> Sample:
        return {"cpu_us": 1.0, "foreign": next(shares)}

    result = run(Case("c", "C", noisy, peers=("nginx",)), [], patience=2)
    assert [one["foreign"] for one in result.measured[0].samples] == [0.01, 0.7]
    assert next(shares) == 0.5


def test_a_measurement_that_starts_its_gateway_finds_it_stopped(log: Log) -> None:
    run(Case("c", "C", measure, peers=("nginx",), starts_itself=True), [], rounds=1)
    assert log[:3] == ["start nginx", "stop nginx", "measure nginx"]


def test_gateways_asked_for_by_name_are_in_every_case(log: Log) -> None:
    case = Case("c", "C", measure, peers=("nginx",))
    assert [one.peer for one in run(case, [], is_asked=True).measured] == ["nginx", "haproxy"]
    assert [one.peer for one in run(case, []).measured] == ["nginx"]


def test_slow_measurements_have_fewer_rounds() -> None:
    case = Case("c", "C", measure, most_rounds=3, most_quick_rounds=1)
    assert Plan("quick", 5, 1.0, ()).rounds_of(case) == 1
    assert Plan("full", 5, 1.0, ()).rounds_of(case) == 3


def test_the_fixed_rate_is_a_share_of_the_reference_peers_maximum(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(StubSubject, "port", 1, raising=False)
    most = LoadResult(50_000, 1.0, 0, 1.0, 1.0, 1.0, 1.0)
    monkeypatch.setattr(runner, "run_wrk", lambda *_, **__: most)
    monkeypatch.setattr(runner, "corpus_file", lambda *_: None)
    rates: list[float] = []

    def keep_rate(this: Round) -> Sample:
        rates.append(this.rate)
        return {"cpu_us": 1.0}

    result = run(Case("c", "C", keep_rate, peers=("haproxy", "nginx"), rate_of_maximum=0.5), [], rounds=1)
    assert rates == [25_000.0, 25_000.0] and result.rate == 25_000.0


def test_figures_are_per_request() -> None:
    load = LoadResult(1000, 2.0, 3, 50.0, 99.0, 999.0, 1000.0)
    figures = load_metrics(load, Meter(wall=2.0, user=0.005, system=0.015, foreign=0.1, stolen=0.0))
    assert figures["cpu_us"] == pytest.approx(20.0)
    assert figures["user_us"] == pytest.approx(5.0) and figures["sys_us"] == pytest.approx(15.0)
    assert figures["rps"] == 500.0 and figures["busy"] == pytest.approx(0.01) and figures["errors"] == 3.0


def test_command_line() -> None:
    options = cli.parse_arguments(["--case", "tls", "--case", "idle", "--peers", "nginx,fastgw", "--rounds", "2"])
    assert options.case == ["tls", "idle"] and options.peers == ("nginx", "fastgw") and options.rounds == 2


@pytest.mark.parametrize("argv", [["--case", "nothing"], ["--peers", "apache"]])
def test_unknown_names_are_refused(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.parse_arguments(argv)
    assert argv[1] in capsys.readouterr().err


def test_cases_are_found_by_their_names() -> None:
    assert all(name == case.name for name, case in CASES.items())
    assert sum(case.in_quick for case in CASES.values()) >= 12


def test_subjects_need_a_start() -> None:
    from bench.macro.peers import PEERS

    subject = Subject(PEERS["nginx"], Scenario(), StubService(), "nginx")  # type: ignore[arg-type]
    for read in (lambda: subject.port, lambda: subject.program):
        with pytest.raises(BenchError, match="not started"):
            read()
