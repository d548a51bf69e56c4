"""Gateways for OpenAI's interface: LiteLLM and Portkey, asked only in the case ``chat``."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import orjson
import yaml

from bench.macro.paths import BENCH
from bench.macro.peers.base import Launch, Peer, first_line, not_installed
from bench.macro.scenario import CHAT_KEY, CHAT_MODEL, Scenario, Wiring

LITELLM = Path(os.environ.get("BENCH_LITELLM") or BENCH / ".venv-litellm")
PORTKEY = BENCH / ".venv-portkey" / "node_modules" / "@portkey-ai" / "gateway"


class AiPeer(Peer):
    """What both share: they forward nothing but chats."""

    is_plain_proxy = False
    start_seconds = 90.0

    def refuses(self, scenario: Scenario) -> str:
        """Everything but the chat case."""
        return "" if scenario.chat else "serves OpenAI's interface only"


class LiteLlm(AiPeer):
    """The Python one."""

    name = "litellm"
    title = "LiteLLM"

    def missing(self) -> str:
        """``scripts/bench --full`` installs it."""
        return "" if (LITELLM / "bin" / "litellm").exists() else "not in bench/.venv-litellm (scripts/bench --full)"

    def version(self) -> str:
        """The package's version."""
        code = "import importlib.metadata as m; print('litellm==' + m.version('litellm'))"
        return first_line(str(LITELLM / "bin" / "python"), "-c", code)

    def prepare(self, wiring: Wiring) -> Launch:
        """Write ``litellm.yaml``; the settings its documentation gives for production."""
        target = {"model": f"openai/{CHAT_MODEL}", "api_base": f"http://{wiring.endpoints[0]}/v1", "api_key": CHAT_KEY}
        config = {
            "model_list": [{"model_name": CHAT_MODEL, "litellm_params": target}],
            "litellm_settings": {"set_verbose": False, "request_timeout": 60},
            "general_settings": {"master_key": CHAT_KEY},
        }
        path = wiring.directory / "litellm.yaml"
        path.write_text(yaml.safe_dump(config))
        where = ("--host", "127.0.0.1", "--port", str(wiring.port), "--num_workers", "1", "--telemetry", "False")
        environment = {"LITELLM_MODE": "PRODUCTION", "LITELLM_LOG": "ERROR", "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
        return Launch((str(LITELLM / "bin" / "litellm"), "--config", str(path), *where), environment)


class Portkey(AiPeer):
    """The TypeScript one; its requests name the service in a header."""

    name = "portkey"
    title = "Portkey"
    entry = PORTKEY / "build" / "start-server.js"

    def missing(self) -> str:
        """Node, and the package."""
        return not_installed("node") or (
            "" if self.entry.exists() else "not in bench/.venv-portkey (scripts/bench --full)"
        )

    def version(self) -> str:
        """The package's version and Node's."""
        package = orjson.loads((PORTKEY / "package.json").read_bytes())
        return f"@portkey-ai/gateway {package['version']}, node {first_line('node', '--version')}"

    def prepare(self, wiring: Wiring) -> Launch:
        """No configuration."""
        node = shutil.which("node") or "node"
        environment = {"NODE_ENV": "production", "TRUSTED_CUSTOM_HOSTS": "127.0.0.1,localhost"}
        return Launch((node, str(self.entry), f"--port={wiring.port}", "--headless"), environment, cwd=Path(PORTKEY))
