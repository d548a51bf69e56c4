"""The lines that the demo prints to be pasted, and what each of them must answer."""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from processes import ROOT, Failure, running
from stack import ADMIN, LISTENER, moved

TRANSFER = 100_000_000  #: bytes
TRANSFER_SHA256 = "036f3eb40dfe7e2c418e30a74b29113bbd2e334400037c7b9fc04df760da6e04"  #: of /download/100000000
URL = f"http://127.0.0.1:{LISTENER}"
Check = Callable[[str], bool]


@dataclass(frozen=True, slots=True)
class Try:
    """A line to paste, what it shows, and whether its output is right."""

    title: str
    line: str
    is_right: Check
    statuses: frozenset[str] = frozenset({"200"})  #: that the curl in it gets; empty: there is none


def _spans(text: str) -> bool:
    return [round(span["start"], 1) for span in json.loads(text)["spans"]] == [0.5, 1.6, 3.0]


def _stream(text: str) -> bool:
    events = [json.loads(line[6:]) for line in text.splitlines() if line.startswith("data: ")]
    return [event.get("index") for event in events[:-1]] == list(range(40)) and events[-1] == {"tokens": 40}


def _labels(text: str) -> list[str]:
    return [box["label"] for box in json.loads(text)["boxes"]]


PYTHON = os.path.relpath(sys.executable, ROOT)
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
        "A call of gRPC, by a client in Python",
        f'{PYTHON} examples/services/words.py ask 127.0.0.1:{LISTENER} "make it warmer"  # calls /demo.Words/Classify',
        lambda text: text.startswith("heating "),
        frozenset(),
    ),
    Try(
        "The same as JSON; an answer of many messages, as server-sent events",
        f"""curl -s {JSON} -d '{{"text": "make it warmer"}}' {URL}/words/classify; """
        f"curl -s -H 'accept: text/event-stream' '{URL}/words/tell/3?seed=1'",
        lambda text: text.startswith('{"model":"ngram-stable","label":"heating"') and text.count("data: ") == 3,
    ),
    Try(
        "The same from a page, by gRPC-Web: open it in a browser",
        f"curl -s {URL}/words.html",
        lambda text: "application/grpc-web" in text,
    ),
    Try(
        "What the gateway knows about itself",
        f"curl -s http://127.0.0.1:{ADMIN}/status",
        lambda text: "generation" in json.loads(text),
    ),
)


def print_tries(tries: Sequence[Try], shift: int) -> None:
    """What to paste into another terminal."""
    print(f"\nThe gateway is up. From {ROOT}, in another terminal:\n")
    for attempt in tries:
        print(f"  # {attempt.title}\n  {moved(attempt.line, shift)}\n")
    print("Ctrl-C ends the gateway and the services.\n", flush=True)


def run_line(line: str) -> tuple[str, list[str]]:
    """Run a line as pasted; its output, and the status (or complaint) of each curl in it.  Raises ``Stopped``."""
    wrapped = f'curl() {{ command curl -S -w "%{{stderr}}%{{http_code}}\\n" "$@"; }}\n{line}'
    with running(["bash", "-c", wrapped], 120.0) as (output, errors, _):
        return output, errors.split("\n")[:-1]


def run_tries(tries: Sequence[Try], shift: int) -> bool:
    """Run every line and say how it went; whether all were right."""
    if shutil.which("curl") is None:
        raise Failure("curl is missing: run 'sudo apt-get install curl', then scripts/demo --check again.")
    all_right = True
    for attempt in tries:
        started = time.monotonic()
        output, statuses = run_line(moved(attempt.line, shift))
        try:
            is_right = set(statuses) == attempt.statuses and attempt.is_right(output)
        except (ValueError, LookupError, TypeError):
            is_right = False
        all_right = all_right and is_right
        print(f"{'ok  ' if is_right else 'FAIL'}  {attempt.title} ({time.monotonic() - started:.2f} s)", flush=True)
        if not is_right:
            print(f"      {moved(attempt.line, shift)}\n      status {', '.join(statuses)}; output {output[:400]!r}")
    return all_right
