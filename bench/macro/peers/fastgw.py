"""fastgw itself: as installed (compiled), as Python, and with parts switched off."""

from __future__ import annotations

import functools
import os
import sys
from typing import Any

import yaml

from bench.macro.paths import ROOT
from bench.macro.peers.base import Launch, Peer, first_line
from bench.macro.process import free_port
from bench.macro.scenario import CHAT_KEY, CHAT_MODEL, CHAT_PATH, Scenario, Wiring
from fastgw.filters.key_file import ApiKey, digest_of, dump_keys


class Fastgw(Peer):
    """One worker with the compiled core."""

    name = "fastgw"
    title = "fastgw"
    pure = False

    def missing(self) -> str:
        """It is there; without its compiled core it is the peer ``fastgw-pure``."""
        said = fastgw_version(self.pure)
        if not said:
            return "python -m fastgw version does not answer"
        return "" if self.pure or "compiled" in said.lower() else f"its core is not compiled ({said})"

    def refuses(self, scenario: Scenario) -> str:
        """Ablations need a switch in the core."""
        if scenario.ablate and scenario.ablate not in ablation_switches():
            return f"the core has no switch {scenario.ablate}"
        return ""

    def version(self) -> str:
        """What ``fastgw version`` says, and the Python under it."""
        return f"{fastgw_version(self.pure)}, CPython {sys.version.split()[0]}"

    def prepare(self, wiring: Wiring) -> Launch:
        """Write ``fastgw.yaml``."""
        path = wiring.directory / "fastgw.yaml"
        path.write_text(yaml.safe_dump(self.configuration(wiring), sort_keys=False))
        environment = {"PYTHONPATH": str(ROOT)}
        if self.pure:
            environment["FASTGW_PURE"] = "1"
        if wiring.scenario.ablate:
            environment["FASTGW_ABLATE"] = wiring.scenario.ablate
        return Launch((sys.executable, "-m", "fastgw", "run", "-c", str(path), "--workers", "1"), environment)

    def configuration(self, wiring: Wiring) -> dict[str, Any]:
        """What stands in it."""
        return configuration(wiring)


class FastgwPure(Fastgw):
    """The same gateway without its compiled core."""

    name = "fastgw-pure"
    title = "fastgw, pure Python"
    pure = True


class FastgwInference(Fastgw):
    """The same with all that a model server wants of a gateway: its model found and renamed, a key, a limit of its tokens, which are
    counted."""

    name = "fastgw-inference"
    title = "fastgw: models, keys, token limit, usage"
    is_plain_proxy = False

    def refuses(self, scenario: Scenario) -> str:
        """Everything but chats."""
        return super().refuses(scenario) or ("" if scenario.chat else "is asked of chats only")

    def configuration(self, wiring: Wiring) -> dict[str, Any]:
        """The chat route leads to a model then."""
        keys = wiring.directory / "keys.json"
        keys.write_bytes(dump_keys([ApiKey("bench", digest_of(CHAT_KEY.encode()))]))
        keys.chmod(0o600)
        made = configuration(wiring)
        routes = [one for one in made["routes"] if one["path"] != CHAT_PATH]
        return {
            **made,
            "routes": [*routes, {"path": "/v1/*", "models": True, "filters": ["keys", "limits", "usage"]}],
            "models": {CHAT_MODEL: {"service": "app", "as": f"bench/{CHAT_MODEL}"}},
            "filters": {
                "keys": {"type": "api_key", "file": str(keys)},
                "limits": {"type": "token_limit", "limits": [{"rate": "1000000000/m", "per": "key"}]},
                "usage": {"type": "usage"},
            },
        }


def configuration(wiring: Wiring) -> dict[str, Any]:
    """The settings of a scenario in fastgw's vocabulary; limits are lifted as they are for the others."""
    listener: dict[str, Any] = {
        "name": "edge",
        "address": f"127.0.0.1:{wiring.port}",
        "timeouts": {"idle": "75s"},
        "limits": {"connections": 19000},
    }
    if wiring.scenario.tls:
        listener["tls"] = {"cert": str(wiring.certificate), "key": str(wiring.key)}
    pool = {"max_connections": 1024, "max_pending": 4096, "idle_timeout": "60s"}
    return {
        "workers": 1,
        "admin": {"address": f"127.0.0.1:{free_port()}"},
        "listeners": [listener],
        "routes": [{"path": r.path if r.exact else r.path + "*", "service": "app"} for r in wiring.routes],
        "services": {"app": {"endpoints": list(wiring.endpoints), "balance": "round_robin", "pool": pool}},
    }


@functools.cache
def fastgw_version(pure: bool) -> str:
    """First line of ``python -m fastgw version``, empty when it fails."""
    environment = (f"PYTHONPATH={ROOT}", f"FASTGW_PURE={int(pure)}")
    line = first_line("env", *environment, sys.executable, "-m", "fastgw", "version")
    return line if line.startswith("fastgw") else ""


@functools.cache
def ablation_switches() -> frozenset[str]:
    """The words of FASTGW_ABLATE the sources know: whatever stands near the variable's name."""
    found: set[str] = set()
    for folder, _, names in os.walk(ROOT / "fastgw"):
        for name in names:
            if name.endswith((".py", ".pyx", ".pxd")):
                with open(os.path.join(folder, name), encoding="utf-8") as file:
                    text = file.read()
                if "FASTGW_ABLATE" in text:
                    found.update(switch for switch in ("no_direct_send", "no_reuse") if switch in text)
    return frozenset(found)
