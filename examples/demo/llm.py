"""``scripts/demo --llm``: two copies of a small language model behind the gateway of ``examples/llm.yaml``."""

from __future__ import annotations

import hashlib
import json
import sys

from installing import pip_install
from processes import ROOT, Failure, running
from stack import ADMIN, Scene, Service
from tries import JSON, URL, Try

VENV = ROOT / ".venv-llm"  #: an environment of its own: the weights are 240 MB, and the gateway needs none of it
PYTHON = VENV / "bin" / "python"
PINNED = ROOT / "constraints" / "llm.txt"
LLM = Scene(
    ROOT / "examples" / "llm.yaml",
    tuple(Service(f"llm-{port}", "gemma.py", port, ready="/health", python=str(PYTHON)) for port in (9121, 9122)),
)


def install_model() -> None:
    """Engine, weights and a client into .venv-llm, unless they are there.  Raises ``Failure``."""
    stamp, wanted = VENV / ".fastgw-demo", hashlib.sha256(PINNED.read_bytes() + sys.version.encode()).hexdigest()
    if stamp.exists() and stamp.read_text() == wanted:
        return
    print("demo: installing a language model into .venv-llm (280 MB to fetch, 600 MB on the disk)", flush=True)
    with running([sys.executable, "-m", "venv", "--clear", str(VENV)], 120.0) as (_, errors, status):
        if status:
            raise Failure(f"'{sys.executable} -m venv .venv-llm' failed: {errors.strip()[-300:]}")
    pip_install(PYTHON, ["--require-hashes", "-r", str(PINNED.relative_to(ROOT))])
    stamp.write_text(wanted)


def _said(text: str) -> str:
    return str(json.loads(text)["choices"][0]["message"]["content"])


QUESTION = "What is the capital of France?"
ASKED = f'''"temperature": 0, "messages": [{{"role": "user", "content": "{QUESTION}"}}]'''
CHAT = f"{PYTHON.relative_to(ROOT)} examples/services/chat.py"
LLM_TRIES = (
    Try(
        "The models that there are",
        f"curl -s {URL}/v1/models",
        lambda text: [model["id"] for model in json.loads(text)["data"]] == ["gemma", "gpt-4o-mini"],
    ),
    Try(
        "A chat completion",
        f"""curl -s {JSON} -d '{{"model": "gemma", {ASKED}}}' {URL}/v1/chat/completions""",
        lambda text: "Paris" in _said(text),
    ),
    Try(
        "The same by the SDK of OpenAI, under a name that is written into many programs; it comes as a stream",
        f'{CHAT} {URL}/v1 --model gpt-4o-mini "{QUESTION}"',
        lambda text: "Paris" in text,
        frozenset(),
    ),
    Try(
        "Asked by Anthropic's API, which the service does not speak",
        f"""curl -s {JSON} -d '{{"model": "gemma", "max_tokens": 60, {ASKED}}}' {URL}/v1/messages""",
        lambda text: "Paris" in json.loads(text)["content"][0]["text"],
    ),
    Try(
        "By Ollama's; one line of JSON for each token",
        f"""curl -sN {JSON} -d '{{"model": "gemma", "prompt": "{QUESTION}"}}' {URL}/api/generate""",
        lambda text: json.loads(text.splitlines()[-1])["done"] is True,
    ),
    Try(
        "A model that is not there: an error as OpenAI has it, with the nearest name",
        f"""curl -s {JSON} -d '{{"model": "gema", {ASKED}}}' {URL}/v1/chat/completions""",
        lambda text: "gemma" in json.loads(text)["error"]["message"],
        frozenset({"404"}),
    ),
    Try(
        "A page to chat with: open it in a browser",
        f"curl -s {URL}/chat.html",
        lambda text: "/v1/chat/completions" in text,
    ),
    Try(
        "Tokens that were counted, and how soon the first ones came",
        f"curl -s http://127.0.0.1:{ADMIN}/metrics | grep '^gen_ai_.*\\(tokens_total\\|first_token_seconds_\\(sum\\|count\\)\\)'",
        lambda text: "gen_ai_client_inference_usage_output_tokens_total" in text,
    ),
)
