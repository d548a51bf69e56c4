"""Options, guards and fixtures of all tests."""

from __future__ import annotations

import gc
import random
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from hypothesis import is_hypothesis_test

import fastgw
from fastgw import _pure
from tests.support.confined import confinement
from tests.support.examples import THOROUGH, USUAL
from tests.support.forms import depends_on_form, has_two_forms
from tests.support.gateway import GatewayProcess
from tests.support.upstream import Script, UpstreamServer

pytest.register_assert_rewrite("fastgw.testing")  # what an Edge asserts is told as what a test asserts

GatewayFactory = Callable[..., GatewayProcess]
ServiceFactory = Callable[..., UpstreamServer]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--confined",
        action="store_true",
        help="gateways run under what deploy/systemd/fastgw.service forbids (needs root)",
    )
    parser.addoption("--long", action="store_true", help="run the tests marked 'long' too")
    parser.addoption("--two-forms", action="store_true", help="leave out tests of modules that are never compiled")
    parser.addoption(
        "--had",
        action="append",
        default=[],
        metavar="FOLDER",
        help="leave out tests there of what is the same in both forms: it neither is compiled nor imports what is",
    )


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    _choose_inputs(config)
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if config.getoption("--confined"):
        GatewayProcess.before = confinement()
    stale = stale_extensions()
    if stale:
        raise pytest.UsageError(f"older than their source: {', '.join(stale)}; run scripts/build, or set FASTGW_PURE=1")


def _choose_inputs(config: pytest.Config) -> None:
    """Generated inputs are few and the same in every run, so that a failure is the change's; ``--long`` looks for more and new ones,
    from a seed that is printed and can be given again (``--hypothesis-seed``)."""
    hypothesis.settings.register_profile("same", derandomize=True, deadline=None, max_examples=USUAL)
    hypothesis.settings.register_profile(
        "new", derandomize=False, print_blob=True, deadline=None, max_examples=THOROUGH
    )
    is_new = config.getoption("--long") or config.getoption("--hypothesis-seed") is not None
    hypothesis.settings.load_profile("new" if is_new else "same")
    if is_new and config.getoption("--hypothesis-seed") is None:
        config.option.hypothesis_seed = str(random.SystemRandom().randrange(2**32))


def pytest_report_header(config: pytest.Config) -> list[str]:
    form = "compiled" if fastgw.compiled() else "pure Python"
    seed = config.getoption("--hypothesis-seed")
    return [
        f"fastgw {fastgw.__version__}, {form}: {Path(fastgw.__path__[0])}",
        f"generated inputs: {'the same as ever' if seed is None else f'new, --hypothesis-seed={seed}'}",
    ]


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave out what another run of ``scripts/test`` has shown, or will."""
    if collection_path.suffix != ".py":
        return None
    had = (config.rootpath / one for one in config.getoption("--had"))
    return (
        (config.getoption("--two-forms") and not has_two_forms(collection_path))
        or (any(map(collection_path.is_relative_to, had)) and not depends_on_form(collection_path))
        or None
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    is_long = config.getoption("--long")
    for item in items:
        if not is_long and item.get_closest_marker("long"):
            item.add_marker(pytest.mark.skip(reason="long: run with --long"))
        if config.getoption("--confined") and (marker := item.get_closest_marker("drop_in")):
            item.add_marker(pytest.mark.skip(reason=f"the unit forbids it without {marker.args[0]}.conf"))
        if is_hypothesis_test(getattr(item, "obj", None)):
            item.add_marker(
                pytest.mark.no_cover
            )  # what is covered by chance alone is not covered; and each line takes thrice the time
        for marker in item.iter_markers("needs"):
            missing = [program for program in marker.args if shutil.which(program) is None]
            if missing:
                item.add_marker(pytest.mark.skip(reason=f"needs {', '.join(missing)}"))


def pytest_collection_finish() -> None:
    """Leave what was collected, a million objects, out of all that the tests and the interpreter have the garbage collector look at."""
    gc.collect()
    gc.freeze()


def stale_extensions() -> list[str]:
    """Return the extension modules in use that are older than what they were made from."""
    stale = []
    for name in _pure.extensions():
        source = Path(fastgw.__path__[0]).joinpath(*name.split(".")[1:])
        built = max(path.stat().st_mtime for path in source.parent.glob(source.name + ".*.so"))
        if any(
            path.exists() and path.stat().st_mtime > built for path in map(source.with_suffix, (".py", ".pyx", ".pxd"))
        ):
            stale.append(name)
    return stale


@contextmanager
def gateways(folder: Path) -> Iterator[GatewayFactory]:
    """What ``gateway`` is, until the end of the block."""
    started: list[GatewayProcess] = []

    def start(
        text: str, *, is_ready: bool = True, kind: type[GatewayProcess] = GatewayProcess, **options: Any
    ) -> GatewayProcess:
        process = kind(text, folder / f"gateway-{len(started)}", **options)
        started.append(process)
        if is_ready:
            process.wait_ready()
        return process

    yield start
    running = [process for process in started if process.is_running()]
    statuses = [process.stop() for process in running]
    for process in started:
        log = process.read_log()
        assert "Traceback (most recent call last)" not in log, log
    assert not any(statuses), [process.read_log() for process in running]


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[GatewayFactory]:
    """``gateway(yaml_text, **options) -> GatewayProcess``: ready to serve, stopped after the test.

    A traceback in its log fails the test, and so does a gateway that does not end on SIGTERM with status 0.
    """
    with gateways(tmp_path) as start:
        yield start


@contextmanager
def services() -> Iterator[ServiceFactory]:
    """What ``service`` is, until the end of the block."""
    started: list[UpstreamServer] = []

    def start(script: Script | None = None, **options: Any) -> UpstreamServer:
        server = UpstreamServer(script, **options)
        started.append(server)
        return server

    yield start
    for server in started:
        server.stop()
    errors = [error for server in started for error in server.errors]
    assert not errors, errors


@pytest.fixture
def service() -> Iterator[ServiceFactory]:
    """``service(script=echo, **options) -> UpstreamServer``: stopped after the test, which fails if a script failed."""
    with services() as start:
        yield start


@pytest.fixture(scope="module")
def shared_gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayFactory]:
    """As ``gateway``, for all tests of a module: those that leave a gateway as it was need not start one each."""
    with gateways(tmp_path_factory.mktemp("shared")) as start:
        yield start


@pytest.fixture(scope="module")
def shared_service() -> Iterator[ServiceFactory]:
    """As ``service``, for all tests of a module."""
    with services() as start:
        yield start


@pytest.fixture
def python() -> str:
    """The interpreter that runs the tests."""
    return sys.executable
