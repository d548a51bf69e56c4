"""The demo, once there is a Python in .venv: install, start, wait, print what to try, stop.  ``scripts/demo`` calls it.

Everything started here runs in a session of its own, so that a Ctrl-C reaches this process alone and the end is
orderly: the gateway drains first, then the services go.  A signal only sets a flag; each wait looks at it.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from types import FrameType
from typing import IO

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
STAMP = VENV / ".fastgw-demo"
CONFIG = ROOT / "examples" / "edge.yaml"
LISTENER, ADMIN = 8080, 9901  #: the ports of examples/edge.yaml
START_WITHIN = 30.0  #: seconds
DRAIN_WITHIN = 8.0  #: seconds; the grace of examples/edge.yaml is 5
TRANSFER = 100_000_000  #: bytes
TRANSFER_SHA256 = "036f3eb40dfe7e2c418e30a74b29113bbd2e334400037c7b9fc04df760da6e04"  #: of /download/100000000


class Failure(Exception):
    """The demo cannot go on; the message is one sentence that says what to do."""


class Stopped(Exception):
    """The user has asked for the end."""


class Stop:
    """Whether SIGINT, SIGTERM or SIGHUP came."""

    asked = False

    @classmethod
    def listen(cls) -> None:
        """Take the signals over."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, cls._on_signal)

    @classmethod
    def _on_signal(cls, number: int, frame: FrameType | None) -> None:
        cls.asked = True

    @classmethod
    def check(cls) -> None:
        """Raise ``Stopped`` if so."""
        if cls.asked:
            raise Stopped


# --- what runs ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Service:
    """One process of examples/services/."""

    name: str
    script: str
    port: int
    options: tuple[str, ...] = ()


SERVICES = (
    Service("vision", "vision.py", 9101),
    Service("speech", "speech.py", 9102),
    Service("nlp", "nlp.py", 9103),
    Service("nlp-canary", "nlp.py", 9104, ("--variant", "canary")),
    Service("files", "files.py", 9105),
)


def moved(text: str, shift: int) -> str:
    """A text with every port on 127.0.0.1 moved up by ``shift``."""
    return re.sub(r"(?<=127\.0\.0\.1:)\d+", lambda match: str(int(match[0]) + shift), text)


def is_free(port: int) -> bool:
    """Whether 127.0.0.1:port can be listened on."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a connection in TIME_WAIT does not take a port
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def is_ready(port: int, path: str) -> bool:
    """Whether GET path answers 200 there."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    with contextlib.closing(connection):
        try:
            connection.request("GET", path)
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False


def end(process: subprocess.Popen[bytes], within: float) -> None:
    """SIGTERM, then SIGKILL to the whole session of a process that is not gone ``within`` seconds."""
    if process.poll() is None:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(within)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)  # its children too: a session of its own, see Popen below
    process.wait()


@dataclass(slots=True)
class Stack:
    """The services and the gateway in front of them, with all ports moved by ``shift``.

    ``gateway`` is the command that stands for ``fastgw``; ``output`` is where its output goes (default: a log file in
    ``logs``, as for the services).  ``start`` raises ``Failure`` or ``Stopped``; call ``stop`` in any case.
    """

    logs: Path
    shift: int = 0
    gateway: Sequence[str] = (str(VENV / "bin" / "fastgw"),)
    output: IO[bytes] | int | None = None
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self) -> None:
        """Start everything; returns when everything answers."""
        ports = [LISTENER, ADMIN, *(service.port for service in SERVICES)]
        for port in (port + self.shift for port in ports):
            if not is_free(port):
                raise Failure(
                    f"port {port} is taken: end what listens there (ss -ltnp 'sport = :{port}' names it), "
                    "or move all ports of the demo, for example with scripts/demo --shift 1000."
                )
        folder = ROOT / "examples" / "services"
        for service in SERVICES:
            command = [sys.executable, str(folder / service.script), "--port", str(service.port + self.shift)]
            self._spawn(service.name, [*command, *service.options], None)
        self._wait({service.name: (service.port, "/healthz") for service in SERVICES})
        self._spawn("gateway", [*self.gateway, "run", "-c", str(self._config())], self.output)
        self._wait({"gateway": (ADMIN, "/readyz")})

    def watch(self) -> None:
        """Return when the user asks for the end; raises ``Failure`` if something ends by itself."""
        while not Stop.asked:
            self._check_alive()
            time.sleep(0.2)

    def stop(self) -> None:
        """End everything that was started: the gateway first."""
        for name in reversed(self.processes):
            end(self.processes[name], DRAIN_WITHIN if name == "gateway" else 2.0)
        self.processes.clear()

    def _config(self) -> Path:
        if not self.shift:
            return CONFIG
        path = self.logs / "edge.yaml"
        path.write_text(moved(CONFIG.read_text(encoding="utf-8"), self.shift), encoding="utf-8")
        return path

    def _spawn(self, name: str, command: list[str], output: IO[bytes] | int | None) -> None:
        Stop.check()
        with (self.logs / f"{name}.log").open("wb") as log:
            self.processes[name] = subprocess.Popen(
                command,
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=log if output is None else output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def _wait(self, waiting: dict[str, tuple[int, str]]) -> None:
        deadline = time.monotonic() + START_WITHIN
        while waiting:
            Stop.check()
            self._check_alive()
            waiting = {name: at for name, at in waiting.items() if not is_ready(at[0] + self.shift, at[1])}
            if waiting and time.monotonic() > deadline:
                raise Failure(f"{', '.join(waiting)} did not become ready in {START_WITHIN:.0f} s: see {self.logs}.")
            time.sleep(0.05 if waiting else 0)

    def _check_alive(self) -> None:
        for name, process in self.processes.items():
            status = process.poll()
            if status is not None:
                log = self.logs / f"{name}.log"
                words = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-12:]
                said = "".join(f"\n    {line}" for line in words)
                raise Failure(f"{name} has ended by itself (status {status}); it is said why above or here:{said}")


# --- what to try ----------------------------------------------------------------------------------

URL = f"http://127.0.0.1:{LISTENER}"
Check = Callable[[str], bool]


@dataclass(frozen=True, slots=True)
class Try:
    """A line to paste, what it shows, and whether its output is right."""

    title: str
    line: str
    is_right: Check


def _spans(text: str) -> bool:
    return [round(span["start"], 1) for span in json.loads(text)["spans"]] == [0.5, 1.6, 3.0]


def _stream(text: str) -> bool:
    events = [json.loads(line[6:]) for line in text.splitlines() if line.startswith("data: ")]
    return [event.get("index") for event in events[:-1]] == list(range(40)) and events[-1] == {"tokens": 40}


def _labels(text: str) -> list[str]:
    return [box["label"] for box in json.loads(text)["boxes"]]


SAMPLES = "examples/samples"
JSON = "-H 'content-type: application/json'"
TRIES = (
    Try(
        "Boxes in a PNG",
        f"curl -s -H 'content-type: image/png' --data-binary @{SAMPLES}/shapes.png {URL}/vision/detect",
        lambda text: sorted(_labels(text)) == ["ellipse", "ellipse", "rectangle", "rectangle", "triangle"],
    ),
    Try(
        "Boxes in a JPEG, as base64 in JSON",
        f"""printf '{{"image": "%s"}}' "$(base64 -w0 {SAMPLES}/tray.jpg)" | """
        f"curl -s {JSON} -d @- {URL}/vision/detect",
        lambda text: _labels(text) == ["ellipse"] * 6,
    ),
    Try(
        "Spans of voice in a WAV",
        f"curl -s -H 'content-type: audio/wav' --data-binary @{SAMPLES}/voice.wav {URL}/speech/activity",
        _spans,
    ),
    Try(
        "What a sentence asks for",
        f"curl -s -H 'content-type: text/plain' --data-binary @{SAMPLES}/request.txt {URL}/nlp/classify",
        lambda text: json.loads(text)["label"] == "heating",
    ),
    Try(
        "An embedding; 90 : 10 split, and one user stays on one side",
        f"""curl -s {JSON} -H 'x-user: ada' -d '{{"text": "play some jazz"}}' {URL}/nlp/embed""",
        lambda text: len(json.loads(text)["embedding"]) == 512,
    ),
    Try(
        'The canary, asked for by header (see "model")',
        f"""curl -s {JSON} -H 'x-canary: 1' -d '{{"text": "stop the alarm"}}' {URL}/nlp/classify""",
        lambda text: json.loads(text)["model"] == "ngram-canary",
    ),
    Try(
        "Server-sent events, one every 50 ms",
        f"curl -sN '{URL}/llm/stream?pace=50ms&tokens=40'",
        _stream,
    ),
    Try(
        f"100 MB down; the digest is {TRANSFER_SHA256[:8]}...",
        f"curl -s {URL}/download/{TRANSFER} | sha256sum",
        lambda text: text.split()[0] == TRANSFER_SHA256,
    ),
    Try(
        "100 MB down and up again; the same length and digest",
        f"curl -s {URL}/download/{TRANSFER} | curl -s -T - {URL}/upload",
        lambda text: json.loads(text) == {"length": TRANSFER, "sha256": TRANSFER_SHA256},
    ),
    Try(
        "What the gateway knows about itself",
        f"curl -s http://127.0.0.1:{ADMIN}/status",
        lambda text: "generation" in json.loads(text),
    ),
)


def print_tries(shift: int) -> None:
    """What to paste into another terminal."""
    print(f"\nThe gateway is up. From {ROOT}, in another terminal:\n")
    for attempt in TRIES:
        print(f"  # {attempt.title}\n  {moved(attempt.line, shift)}\n")
    print("Ctrl-C ends the gateway and the services.\n", flush=True)


def run_line(line: str) -> tuple[str, list[str]]:
    """Run a line as pasted; its output, and the status (or complaint) of each curl in it.  Raises ``Stopped``."""
    wrapped = f'curl() {{ command curl -S -w "%{{stderr}}%{{http_code}}\\n" "$@"; }}\n{line}'
    with running(["bash", "-c", wrapped], 120.0) as (output, errors, _):
        return output, errors.split("\n")[:-1]


def run_tries(shift: int) -> bool:
    """Run every line and say how it went; whether all were right."""
    if shutil.which("curl") is None:
        raise Failure("curl is missing: run 'sudo apt-get install curl', then scripts/demo --check again.")
    all_right = True
    for attempt in TRIES:
        started = time.monotonic()
        output, statuses = run_line(moved(attempt.line, shift))
        try:
            is_right = set(statuses) == {"200"} and attempt.is_right(output)
        except (ValueError, LookupError, TypeError):
            is_right = False
        all_right = all_right and is_right
        print(f"{'ok  ' if is_right else 'FAIL'}  {attempt.title} ({time.monotonic() - started:.2f} s)", flush=True)
        if not is_right:
            print(f"      {moved(attempt.line, shift)}\n      status {', '.join(statuses)}; output {output[:400]!r}")
    return all_right


@contextlib.contextmanager
def running(command: Sequence[str], within: float) -> Iterator[tuple[str, str, int]]:
    """Run a command to its end; yields its output, its errors and its status.  Raises ``Stopped``, or ``Failure`` when it
    takes too long."""
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=output, stderr=errors, start_new_session=True
        )
        try:
            deadline = time.monotonic() + within
            while process.poll() is None:
                Stop.check()
                if time.monotonic() > deadline:
                    raise Failure(f"this took longer than {within:.0f} s: {' '.join(command)}.")
                time.sleep(0.02)
        finally:
            end(process, 2.0)
        output.seek(0)
        errors.seek(0)
        yield output.read().decode(errors="replace"), errors.read().decode(errors="replace"), process.returncode


# --- installation ---------------------------------------------------------------------------------

SOURCES = ("*.py", "*.pyx", "*.pxd", "*.c", "*.h")
PINNED = "constraints/demo.txt"
NO_NETWORK = re.compile(
    r"name resolution|Failed to establish a new connection|Network is unreachable|Connection refused|Max retries"
    r"|ConnectTimeout|ReadTimeout|ProxyError|from versions: none|No route to host|Could not fetch URL",
)
NO_COMPILER = re.compile(r"(gcc|cc|clang)\S*['\"]? failed|Python\.h: No such file|unable to execute '?\S*cc")


def fingerprint() -> str:
    """What was installed: the Python, the project file and every source of the package, with or without a compiler."""
    total = hashlib.sha256(f"{sys.version}\n{VENV}\n{has_compiler()}\n".encode())
    paths = [ROOT / name for name in ("pyproject.toml", "setup.py", "setup.cfg", PINNED) if (ROOT / name).exists()]
    for pattern in SOURCES:
        paths += sorted((ROOT / "fastgw").rglob(pattern))
    for path in paths:
        total.update(f"{path.relative_to(ROOT)}\n".encode() + hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()


def has_compiler() -> bool:
    """Whether a C compiler is there; without one the gateway runs as pure Python."""
    return shutil.which(os.environ.get("CC", "cc").split()[0]) is not None


def is_editable() -> bool:
    """Whether a developer has installed this checkout as editable; the demo leaves it so."""
    try:
        url = json.loads(metadata.distribution("fastgw").read_text("direct_url.json") or "{}")
    except metadata.PackageNotFoundError:
        return False
    return bool(url.get("dir_info", {}).get("editable"))


def install() -> None:
    """The pinned releases, then this checkout into .venv, unless nothing has changed since the last time.  Raises ``Failure``."""
    wanted = fingerprint()
    if STAMP.exists() and STAMP.read_text() == wanted and (VENV / "bin" / "fastgw").exists():
        return
    print("demo: installing into .venv (a few minutes the first time, most of it compiling)", flush=True)
    if not has_compiler():
        print("demo: without a C compiler the gateway runs as pure Python, slower: sudo apt-get install gcc libc6-dev")
    pip = [sys.executable, "-m", "pip", "install", "--disable-pip-version-check", "--retries", "2", "--timeout", "15"]
    checkout = ["--no-deps", "--no-build-isolation", *(["--editable"] if is_editable() else []), "."]
    log = VENV / "demo-install.log"
    log.unlink(missing_ok=True)
    for target in (["--require-hashes", "-r", PINNED], checkout):
        with running([*pip, *target], 1200.0) as (output, errors, status), log.open("a", encoding="utf-8") as said:
            said.write(f"{output}\n{errors}\n")
        if status:
            raise Failure(why_not_installed(output + errors, log))
    STAMP.write_text(wanted)


def why_not_installed(said: str, log: Path) -> str:
    """One sentence about what pip has said."""
    if NO_COMPILER.search(said):
        return "a C compiler is missing: run 'sudo apt-get install gcc libc6-dev python3-dev', then scripts/demo again."
    if NO_NETWORK.search(said):
        return (
            "pip cannot reach the package index: check the network (or PIP_INDEX_URL and HTTPS_PROXY), "
            f"then run scripts/demo again; {log} has what pip said."
        )
    return f"pip could not install the package: {log} has what it said."


# --- the command ----------------------------------------------------------------------------------


def read_arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="scripts/demo", description="Starts the gateway on 127.0.0.1:8080 with small real services behind it."
    )
    parser.add_argument("--check", action="store_true", help="run every printed line, say if it was right, and end")
    parser.add_argument("--shift", type=int, default=0, metavar="N", help="add N to every port")
    parser.add_argument(
        "--no-install", action="store_true", help="take what is in .venv and the fastgw of this checkout"
    )
    options = parser.parse_args()
    if not 0 <= options.shift <= 65535 - ADMIN:
        parser.error(f"--shift must be from 0 to {65535 - ADMIN}")
    return options


def demo(options: argparse.Namespace, logs: Path) -> int:
    """The whole life of the demo; its exit status.  Raises ``Failure`` or ``Stopped``."""
    gateway = (sys.executable, "-m", "fastgw") if options.no_install else (str(VENV / "bin" / "fastgw"),)
    if not options.no_install:
        install()
    stack = Stack(logs, options.shift, gateway, None if options.check else sys.stdout.fileno())
    try:
        stack.start()
        if options.check:
            return 0 if run_tries(options.shift) else 1
        print_tries(options.shift)
        stack.watch()
    finally:
        stack.stop()
    return 0


def main() -> int:
    """The command; its exit status: 0, 1 with one sentence on stderr, or 130 when stopped before the gateway was up."""
    options = read_arguments()
    Stop.listen()
    logs = Path(tempfile.mkdtemp(prefix="fastgw-demo-"))
    try:
        status = demo(options, logs)
    except Failure as failure:
        print(f"demo: {failure}", file=sys.stderr)
        return 1
    except Stopped:
        return 130
    except BrokenPipeError:  # whoever read the output is gone, as in scripts/demo --check | head
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    shutil.rmtree(logs, ignore_errors=True)
    return status


if __name__ == "__main__":
    sys.exit(main())
