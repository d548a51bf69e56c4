"""The demo end to end: the services of examples/ behind the gateway of examples/edge.yaml, on other ports."""

from __future__ import annotations

import contextlib
import gc
import hashlib
import http.client
import json
import os
import re
import signal
import statistics
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.support.demo import DEMO, ROOT, free_shift, load
from tests.support.gateway import pause, wait_until

pytestmark = pytest.mark.integration

_stack = load("examples/demo/stack.py")
_tries = load("examples/demo/tries.py")
files = load("examples/services/files.py")

GATEWAY = (sys.executable, "-m", "fastgw")
GROWTH = 16 * 1024 * 1024  #: bytes that no process of the gateway may grow by during a transfer
PACE_ERROR = 0.005  #: seconds
MiB = 1024 * 1024


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    stack = _stack.Stack(tmp_path_factory.mktemp("demo"), free_shift(), GATEWAY)
    try:
        stack.start()
        yield stack
    finally:
        stack.stop()
    assert "Traceback" not in (stack.logs / "gateway.log").read_text()


@pytest.fixture
def client(stack: Any) -> Iterator[http.client.HTTPConnection]:
    connection = http.client.HTTPConnection("127.0.0.1", _stack.LISTENER + stack.shift, timeout=30)
    with contextlib.closing(connection):
        yield connection


def ask(
    client: http.client.HTTPConnection, method: str, path: str, body: bytes | None = None, **headers: str
) -> tuple[int, http.client.HTTPMessage, bytes]:
    client.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
    answer = client.getresponse()
    return answer.status, answer.headers, answer.read()


def memory(pid: int) -> dict[int, int]:
    """Resident bytes of a process and all below it."""
    found, parents = {pid}, {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            parents[int(path.parent.name)] = int(path.read_text().rpartition(")")[2].split()[1])
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    result = {}
    for one in found:
        with contextlib.suppress(OSError):
            result[one] = int(Path(f"/proc/{one}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return result


@contextlib.contextmanager
def flat_memory(stack: Any) -> Iterator[None]:
    """Fails when a process of the gateway grows by more than GROWTH inside the block."""
    pid = stack.processes["gateway"].pid
    before, worst, done = memory(pid), Counter[int](), threading.Event()

    def watch() -> None:
        while not done.wait(0.02):
            for one, size in memory(pid).items():
                worst[one] = max(worst[one], size - before.get(one, size))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()
    assert worst, "the transfer was over before memory was looked at"
    assert max(worst.values()) < GROWTH, worst


@pytest.mark.needs("curl", "base64", "sha256sum")
@pytest.mark.parametrize("attempt", _tries.TRIES, ids=lambda attempt: attempt.title)
def test_a_printed_line_answers_200_with_the_right_result(stack: Any, attempt: Any) -> None:
    output, statuses = _tries.run_line(_stack.moved(attempt.line, stack.shift))
    assert set(statuses) == attempt.statuses, output[:500]
    assert attempt.is_right(output), output[:500]


README = (ROOT / "README.md").read_text()


@pytest.mark.needs("curl")
@pytest.mark.parametrize("line", re.findall(r"^curl .*127\.0\.0\.1:8080.*$", README, re.MULTILINE))
def test_a_line_of_the_readme_answers_200(stack: Any, line: str) -> None:
    output, statuses = _tries.run_line(_stack.moved(line, stack.shift))
    assert set(statuses) == {"200"}, output[:500]
    assert output


def test_the_first_configuration_of_the_readme_is_right(tmp_path: Path) -> None:
    [text] = re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)
    (tmp_path / "gateway.yaml").write_text(text)
    result = subprocess.run(
        [*GATEWAY, "check", str(tmp_path / "gateway.yaml")], capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert result.returncode == 0, result.stderr


def test_the_links_of_the_readme_lead_somewhere() -> None:
    links = re.findall(r"\]\((?!http)([^)#]+)", README)
    assert len(links) > 5
    assert not [link for link in links if not (ROOT / link).exists()]


def test_a_download_of_100_mb_arrives_byte_for_byte(stack: Any, client: http.client.HTTPConnection) -> None:
    ask(client, "GET", "/download/1000000")  # buffers that stay are there before memory is looked at
    total, length = hashlib.sha256(), 0
    with flat_memory(stack):
        client.request("GET", f"/download/{_tries.TRANSFER}")
        answer = client.getresponse()
        assert (answer.status, answer.headers["content-length"]) == (200, str(_tries.TRANSFER))
        while block := answer.read(MiB):
            total.update(block)
            length += len(block)
    assert (length, total.hexdigest()) == (_tries.TRANSFER, _tries.TRANSFER_SHA256)


@pytest.mark.parametrize("chunked", [False, True], ids=["content-length", "chunked"])
@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_an_upload_of_100_mb_arrives_byte_for_byte(
    stack: Any, client: http.client.HTTPConnection, method: str, chunked: bool
) -> None:
    headers = {} if chunked else {"content-length": str(_tries.TRANSFER)}
    with flat_memory(stack):
        client.request(method, "/upload", files.content(_tries.TRANSFER), headers, encode_chunked=chunked)
        answer = client.getresponse()
        assert answer.status == 200
        assert json.loads(answer.read()) == {"length": _tries.TRANSFER, "sha256": _tries.TRANSFER_SHA256}


def test_a_slow_reader_does_not_make_the_gateway_grow(stack: Any, client: http.client.HTTPConnection) -> None:
    with flat_memory(stack):
        client.request("GET", f"/download/{_tries.TRANSFER}")
        answer = client.getresponse()
        received = 0
        for _ in range(40):
            received += len(answer.read(MiB // 4))
            pause()
    assert received == 10 * MiB


def delays(client: http.client.HTTPConnection, path: str) -> list[float]:
    """Seconds between the time in each event and its arrival here; each read must bring exactly one event."""
    client.request("GET", path)
    answer = client.getresponse()
    assert (answer.status, answer.headers["content-type"]) == (200, "text/event-stream")
    found = []
    while block := answer.read1(65536):
        arrived = time.time()
        assert block.count(b"\n\n") == 1 and block.endswith(b"\n\n")
        event = json.loads(block.partition(b"data: ")[2])
        if "time" in event:
            found.append(arrived - event["time"])
    return found


def unevenness(client: http.client.HTTPConnection, path: str, tokens: int) -> float:
    """By how many seconds the time between two events differs here from what it was at the service, at worst."""
    gc.collect()
    gc.disable()
    try:
        found = delays(client, path)
    finally:
        gc.enable()
    assert len(found) == tokens
    return max(abs(after - before) for before, after in pairwise(found))


@pytest.mark.parametrize(("pace", "tokens"), [("50ms", 30), ("10ms", 60)])
def test_events_arrive_one_at_a_time_at_the_pace_of_the_service(
    stack: Any, client: http.client.HTTPConnection, pace: str, tokens: int
) -> None:
    """The machine may be busy elsewhere, so the best of six streams counts, and in it every single event.

    If none is even enough, the service itself is asked too: the best must be as even as that mostly is on such a machine.
    """
    through = []
    for _ in range(6):
        through.append(unevenness(client, f"/llm/stream?pace={pace}&tokens={tokens}", tokens))
        if through[-1] <= PACE_ERROR:
            return
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", 9103 + stack.shift, timeout=30)) as service:
        alone = [unevenness(service, f"/llm/stream?pace={pace}&tokens={tokens}", tokens) for _ in range(6)]
    assert min(through) <= PACE_ERROR + statistics.median(alone), (through, alone)


def test_a_reader_that_goes_away_ends_the_stream_at_the_service(stack: Any) -> None:
    """Its connections are gone again soon after, although the stream had minutes to go."""

    def streams() -> int:
        port = f"{9103 + stack.shift:04X}"
        lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
        return sum(1 for line in lines if line.split()[1].endswith(f":{port}") and line.split()[3] == "01")

    before = streams()
    clients = [http.client.HTTPConnection("127.0.0.1", _stack.LISTENER + stack.shift, timeout=10) for _ in range(8)]
    for client in clients:
        client.request("GET", "/llm/stream?pace=20ms&tokens=10000")
        client.getresponse().read1(10)
    assert streams() >= 8
    for client in clients:
        if client.sock is not None:
            client.sock.close()
        client.close()
    wait_until(lambda: streams() <= before + 2)  # as many as are kept warm


def test_the_canary_by_header_and_the_split_by_user(client: http.client.HTTPConnection) -> None:
    def model(**headers: str) -> str:
        status, _, body = ask(client, "POST", "/nlp/embed", b"play it", content_type="text/plain", **headers)
        assert status == 200
        return str(json.loads(body)["model"])

    assert {model(x_canary="1", x_user=f"u{n}") for n in range(10)} == {"ngram-canary"}
    sides = {user: {model(x_user=user) for _ in range(3)} for user in (f"user-{n}" for n in range(150))}
    assert all(len(side) == 1 for side in sides.values())
    share = sum(side == {"ngram-canary"} for side in sides.values()) / len(sides)
    assert 0.02 < share < 0.25


def test_the_gateway_answers_for_itself_where_no_service_does(client: http.client.HTTPConnection) -> None:
    for method, path, size, status in (
        ("GET", "/nowhere", 0, 404),
        ("GET", "/vision/detect", 0, 405),
        ("POST", "/vision/detect", 21 * MiB, 413),
    ):
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            client.request(method, path, b"x" * size)
        answer = client.getresponse()
        body = json.loads(answer.read())
        assert answer.status == body["status"] == status
        assert answer.headers["content-type"] == "application/problem+json"
        if status == 405:
            assert answer.headers["allow"] == "POST"
        client.close()


def test_an_error_of_a_service_passes_through(client: http.client.HTTPConnection) -> None:
    status, headers, body = ask(client, "POST", "/speech/activity", b"no sound")
    assert (status, json.loads(body)) == (400, {"error": "the body is not an uncompressed WAV file"})
    assert headers["content-type"] == "application/json"


def test_each_exchange_is_a_line_of_the_access_log(stack: Any, client: http.client.HTTPConnection) -> None:
    _, headers, _ = ask(client, "GET", "/download/1", x_request_id="the-one-of-this-test")
    assert headers["x-request-id"] == "the-one-of-this-test"
    log = stack.logs / "gateway.log"
    wait_until(lambda: "the-one-of-this-test" in log.read_text())
    [line] = [line for line in log.read_text().splitlines() if "the-one-of-this-test" in line]
    assert json.loads(line)["status"] == 200


# -- the command --------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def command(folder: Path, *options: str) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    output = folder / "demo.out"
    with output.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, str(DEMO), "--no-install", *options],
            stdout=file,
            stderr=subprocess.STDOUT,
            env={**os.environ, "PYTHONUNBUFFERED": "1", "TMPDIR": str(folder)},
        )
    try:
        yield process, output
    finally:
        if process.poll() is None:
            process.terminate()
        process.wait(20)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_the_demo_prints_its_lines_and_ends_all_it_started(tmp_path: Path, number: signal.Signals) -> None:
    shift = free_shift()
    with command(tmp_path, "--shift", str(shift)) as (process, output):
        wait_until(lambda: "Ctrl-C ends" in output.read_text() or process.poll() is not None, 40)
        assert process.poll() is None, output.read_text()
        for attempt in _tries.TRIES:
            assert f"\n  {_stack.moved(attempt.line, shift)}\n" in output.read_text()
        started = sorted(memory(process.pid))
        assert len(started) > len(_stack.SERVICES) + 2
        process.send_signal(number)
        assert process.wait(20) == 0
    assert not [pid for pid in started if Path(f"/proc/{pid}").exists()]
    assert not list(tmp_path.glob("fastgw-demo-*"))


def test_a_second_demo_says_which_port_is_taken_and_ends(stack: Any, tmp_path: Path) -> None:
    with command(tmp_path, "--shift", str(stack.shift)) as (process, output):
        assert process.wait(20) == 1
    assert re.fullmatch(rf"demo: port {_stack.LISTENER + stack.shift} is taken: .*\n", output.read_text())
    assert stack.processes["gateway"].poll() is None


def test_a_service_that_dies_ends_the_demo_and_is_named(tmp_path: Path) -> None:
    with command(tmp_path, "--shift", str(free_shift())) as (process, output):
        wait_until(lambda: "Ctrl-C ends" in output.read_text() or process.poll() is not None, 40)
        [speech] = [pid for pid in memory(process.pid) if b"speech.py" in Path(f"/proc/{pid}/cmdline").read_bytes()]
        os.kill(speech, signal.SIGKILL)
        assert process.wait(20) == 1
    assert "demo: speech has ended by itself (status -9)" in output.read_text()
