"""``scripts/demo --llm``: a real model behind the gateway. It fetches 280 MB, so it is for long runs."""

from __future__ import annotations

import contextlib
import json
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect, sync_playwright

from tests.support.demo import free_shift, load

pytestmark = [pytest.mark.integration, pytest.mark.long, pytest.mark.timeout(900)]

_stack = load("examples/demo/stack.py")
_tries = load("examples/demo/tries.py")
_llm = load("examples/demo/llm.py")


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    _llm.install_model()
    gateway = (sys.executable, "-m", "fastgw")
    stack = _stack.Stack(tmp_path_factory.mktemp("llm"), free_shift(), gateway, None, _llm.LLM)
    try:
        stack.start()
        yield stack
    finally:
        stack.stop()
    assert "Traceback" not in (stack.logs / "gateway.log").read_text()


@pytest.mark.parametrize("attempt", _llm.LLM_TRIES, ids=lambda attempt: attempt.title)
def test_each_line_of_the_demo(attempt: Any, stack: Any) -> None:
    output, statuses = _tries.run_line(_stack.moved(attempt.line, stack.shift))
    assert set(statuses) == attempt.statuses and attempt.is_right(output), output


@pytest.mark.needs("chromium")
def test_the_page(stack: Any) -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        page = browser.new_page()
        page.goto(f"http://127.0.0.1:{_stack.LISTENER + stack.shift}/chat.html")
        for count in (1, 2):
            page.get_by_label("What you say").fill("What is the capital of France?")
            page.get_by_role("button").click()
            expect(page.locator("li.assistant")).to_have_count(count)
            expect(page.locator("#told")).to_contain_text("answered", timeout=60_000)
        assert "Paris" in page.locator("li.assistant").first.inner_text()
        browser.close()


def test_what_the_service_counted_is_what_was_metered(stack: Any) -> None:
    """Of requests one after the other, over both replicas: a stream, one that is not, and one that is left."""

    def counted() -> tuple[int, int]:
        url = f"http://127.0.0.1:{_stack.ADMIN + stack.shift}/metrics"
        with urllib.request.urlopen(url, timeout=10) as answer:
            lines = answer.read().decode().splitlines()
        found = {
            kind: sum(
                int(float(line.rpartition(" ")[2]))
                for line in lines
                if line.startswith(f"gen_ai_client_inference_usage_{kind}_tokens_total")
            )
            for kind in ("input", "output")
        }
        return found["input"], found["output"]

    url = f"http://127.0.0.1:{_stack.LISTENER + stack.shift}/v1/chat/completions"
    before, prompt, output = counted(), 0, 0
    for number in range(6):
        asked = {
            "model": "gemma",
            "max_tokens": 10 + number,
            "messages": [{"role": "user", "content": f"Count to {number}."}],
            "stream": number % 2 == 1,
        }
        if asked["stream"]:
            asked["stream_options"] = {"include_usage": True}
        request = urllib.request.Request(url, json.dumps(asked).encode(), {"content-type": "application/json"})
        with contextlib.closing(urllib.request.urlopen(request, timeout=60)) as answer:
            text = answer.read().decode()
        last = text.split("data: ")[-2] if asked["stream"] else text
        usage = json.loads(last)["usage"]
        prompt, output = prompt + usage["prompt_tokens"], output + usage["completion_tokens"]
    assert counted() == (before[0] + prompt, before[1] + output)


def test_nothing_but_the_model_is_in_its_environment() -> None:
    assert Path(_llm.PYTHON).exists() and not list(Path(_llm.VENV).glob("lib/*/site-packages/fastgw*"))
