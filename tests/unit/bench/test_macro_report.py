"""Results are kept and shown as they were measured."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest

from bench.macro import report
from bench.macro.charts import LABEL, VALUE, WIDTH, bar_chart
from bench.macro.goals import GOALS, judge
from bench.macro.machine import parse_cpuinfo, parse_os_release
from bench.macro.metrics import METRICS, show
from bench.macro.results import CaseResult, Measured, RunResult, load, save


def sample(cpu: float, **more: float) -> dict[str, float]:
    return {
        "cpu_us": cpu,
        "user_us": cpu / 4,
        "sys_us": cpu * 3 / 4,
        "rps": 50_000.0,
        "p99_us": 900.0,
        "errors": 0.0,
    } | more


def case(name: str = "small_get", **settings: object) -> CaseResult:
    result = CaseResult(name, "Small GET", "cpu_us", "A note.", False, 3, 1.0)
    result.measured = [
        Measured("nginx", "", [sample(20.0), sample(20.0), sample(20.0)]),
        Measured("fastgw", "", [sample(17.0), sample(18.0), sample(16.0)]),
        Measured("go-fasthttp", "", [sample(21.0), sample(22.0), sample(20.0)]),
    ]
    result.skipped = [("caddy", "caddy is not installed\nreally")]
    for key, value in settings.items():
        setattr(result, key, value)
    return result


def run(*cases: CaseResult) -> RunResult:
    machine = {"processor": "EPYC", "kernel": "6.18"}
    return RunResult(
        "2026-11-22T10:00:00+00:00", "quick", machine, {"nginx": "1.22"}, list(cases), {"envoy": "not here"}
    )


def test_what_was_saved_is_read_back(tmp_path: Path) -> None:
    before = run(case())
    save(before, tmp_path / "r.json")
    assert load(tmp_path / "r.json") == before
    (tmp_path / "r.json").write_text('{"schema": 0}')
    with pytest.raises(ValueError, match="schema"):
        load(tmp_path / "r.json")


def test_the_page_names_machine_versions_figures_and_gaps() -> None:
    page = report.render(run(case()))
    for needle in (
        "EPYC",
        "6.18",
        "1.22",
        "A note.",
        "without caddy: caddy is not installed really\n",
        "- envoy: not here",
    ):
        assert needle in page
    assert "| fastgw | 17.00 | 0.85 [0.80-0.90] |" in page
    assert "| nginx | 20.00 | 1.00 [1.00-1.00] |" in page


def test_errors_are_a_column_only_if_there_were_any() -> None:
    assert "errors" not in report.render(run(case()))
    failing = case()
    failing.measured[0].samples[0]["errors"] = 7.0
    assert "errors" in report.render(run(failing))


def test_settings_are_compared_with_the_gateways_own_first() -> None:
    measured = [Measured("fastgw", "10 routes", [sample(20.0)]), Measured("fastgw", "1,000 routes", [sample(21.0)])]
    page = report.render(run(case("routes", measured=measured)))
    assert "to own first" in page and "| fastgw, 1,000 routes | 21.00 | - | 1.05 [1.05-1.05] |" in page


def test_ablations_are_compared_with_the_first() -> None:
    measured = [Measured("fastgw", "all on", [sample(20.0)]), Measured("fastgw-pure", "compiled off", [sample(30.0)])]
    page = report.render(run(case("ablations", measured=measured, compare_first=True)))
    assert "to fastgw, all on" in page and "| fastgw-pure, compiled off | 30.00 | 1.50 [1.50-1.50] |" in page


def test_goals_are_judged_by_the_run_alone() -> None:
    verdicts = {verdict.goal.text: verdict for verdict in judge(run(case()))}
    held = verdicts["small GET, CPU per request, to nginx"]
    assert held.value == pytest.approx(0.85) and held.is_held
    assert verdicts["small GET, CPU per request, to Go fasthttp"].is_held
    unknown = verdicts["small GET, CPU per request, to http.server with threads"]
    assert unknown.value is None and unknown.is_held is None
    assert verdicts["start to first proxied answer"].is_held is None


def test_goals_of_cases_that_were_not_run_are_left_out_of_a_short_page() -> None:
    assert "start to first proxied answer" not in report.render(run(case()))
    full = run(case())
    full.profile = "full"
    assert "| start to first proxied answer | 200 ms | not measured |  |" in report.render(full)


def test_a_missed_goal_is_shown_as_missed() -> None:
    slow = case()
    slow.measured[1].samples = [sample(19.9)] * 3
    assert "| small GET, CPU per request, to nginx | 0.9 x | 0.99 x | **no** |" in report.render(run(slow))


def test_growth_goals_compare_the_last_setting_with_the_first() -> None:
    measured = [
        Measured("fastgw", f"{n} routes", [sample(cpu)]) for n, cpu in ((10, 20.0), (1000, 25.0), (10000, 20.8))
    ]
    routes = next(v for v in judge(run(case("routes", measured=measured))) if v.goal.case == "routes")
    assert routes.value == pytest.approx(1.04) and routes.is_held


def test_every_goal_names_a_metric_that_can_be_shown() -> None:
    assert all(goal.most > 0 for goal in GOALS)
    assert show("cpu_us", None) == "-" and show("busy", 0.983) == "98" and show("rps", 50_000.4) == "50,000"
    assert show("never seen", 1.25) == "1.2"


def test_files_are_written(tmp_path: Path) -> None:
    page = report.write(run(case()), tmp_path / "2026-11-22-quick")
    assert page.name == "README.md"
    assert {path.name for path in page.parent.iterdir()} == {"README.md", "results.json", "small_get.svg"}


def bars_of(svg: str) -> list[tuple[str, float, float]]:
    root = ElementTree.fromstring(svg)
    space = "{http://www.w3.org/2000/svg}"
    return [(r.attrib["class"], float(r.attrib["x"]), float(r.attrib["width"])) for r in root.iter(f"{space}rect")]


def test_bars_are_as_long_as_their_figures() -> None:
    bars = bars_of(bar_chart("T < & >", "us", [("a", [10.0, 30.0]), ("b", [20.0])]))
    room = WIDTH - LABEL - VALUE
    assert [(kind, x) for kind, x, _ in bars if kind == "a"] == [("a", LABEL)] * 2
    assert [width for _, _, width in bars] == pytest.approx([room / 4, room * 3 / 4, room / 2], abs=0.1)
    assert bars[1][1] == pytest.approx(LABEL + room / 4, abs=0.1)


def test_one_giant_is_cut_and_says_so() -> None:
    svg = bar_chart("t", "us", [("a", [10.0]), ("b", [12.0]), ("c", [2500.0])])
    assert "2,500.0 (cut)" in svg and "12.0 (cut)" not in svg
    assert max(width for _, _, width in bars_of(svg)) <= WIDTH - LABEL - VALUE + 0.1


@pytest.mark.parametrize("bars", [[], [("a", [0.0])]])
def test_a_chart_of_nothing(bars: list[tuple[str, list[float]]]) -> None:
    assert ElementTree.fromstring(bar_chart("t", "us", bars)) is not None


def test_every_headline_has_a_title() -> None:
    from bench.macro.cases import CASES

    assert all(one.headline in METRICS for one in CASES.values())
    assert {goal.case for goal in GOALS} <= set(CASES)


def test_the_machine_is_named() -> None:
    assert parse_cpuinfo("processor\t: 0\nmodel name\t: AMD EPYC\n") == "AMD EPYC"
    assert parse_cpuinfo("")
    assert (
        parse_os_release('NAME="Debian"\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\n')
        == "Debian GNU/Linux 12 (bookworm)"
    )
    assert parse_os_release("")
