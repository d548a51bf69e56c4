"""The interoperability cases of Eclipse Paho for MQTT 3.1.1 and 5.0, against mosquitto directly and through the tunnel: what differs.

``python -m bench.mqtt.conformance --suite DIRECTORY [--cases PATTERN]``

``DIRECTORY`` is ``interoperability`` of https://github.com/eclipse/paho.mqtt.testing, which is not part of this project.  mosquitto must be
installed.  A case that the broker itself fails, or hangs in, is no difference; ``test_dollar_topics`` may publish to ``$TopicA/#`` here.
"""

from __future__ import annotations

import argparse
import fnmatch
import re
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from bench.scenarios.peers import free_port, wait_until

CONFIG = """\
workers: 1
admin: false
admin_socket: false
listeners: [{{address: "127.0.0.1:{edge}", protocols: [mqtt]}}]
routes: [{{path: /mqtt, service: s, filters: [devices]}}]
filters: {{devices: {{type: mqtt, publish: ["#", "$TopicA/#"]}}}}
services:
  s: {{protocol: mqtt, endpoints: ["127.0.0.1:{broker}"], pool: {{max_connections: 1000}}}}
"""
MODULES = ("client_test5", "client_test")
LONGEST = 90  #: seconds of a case; more: it hangs
CASE = re.compile(r"^\s+def (test\w*)\(self", re.MULTILINE)

#: What runs one case of a module at a port, in the folder of the suite: what its own ``main`` sets, and no more.
RUN = """
import logging, sys, unittest
import {module} as suite
prefix = "client_test5/" if "{module}" == "client_test5" else ""
suite.topic_prefix = prefix
suite.topics = [prefix + one for one in ("TopicA", "TopicA/B", "Topic/C", "TopicA/C", "/TopicA")]
suite.wildtopics = [prefix + one for one in ("TopicA/+", "+/C", "#", "/#", "/+", "+/+", "TopicA/#")]
suite.nosubscribe_topics = ("test/nosubscribe",)
suite.host, suite.port = "127.0.0.1", {port}
logging.getLogger().setLevel(logging.CRITICAL)
unittest.main(module=suite, argv=["suite", "Test.{case}"])
"""


def accepts(port: int) -> bool:
    """Whether somebody listens there."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def cases(suite: Path, pattern: str) -> Iterator[tuple[str, str]]:
    """Modules and the names of their cases."""
    for module in MODULES:
        for name in dict.fromkeys(CASE.findall((suite / f"{module}.py").read_text())):
            if fnmatch.fnmatch(name, pattern):
                yield module, name


def outcome(suite: Path, module: str, case: str, port: int) -> str:
    """Of one case: ok, fails, or hangs."""
    code = RUN.format(module=module, case=case, port=port)
    command = [sys.executable, "-W", "ignore", "-c", code]
    try:
        done = subprocess.run(command, cwd=suite, capture_output=True, timeout=LONGEST, check=False)
    except subprocess.TimeoutExpired:
        return "hangs"
    return "ok" if done.returncode == 0 else "fails"


def told(found: Sequence[tuple[str, str, str, str]]) -> str:
    """How many are alike, and which are not; of each its module, its name, and both outcomes."""
    others = [f"{module}.{case}: {direct}, {through}" for module, case, direct, through in found if direct != through]
    counts = {word: sum(one[2] == word for one in found) for word in ("ok", "fails", "hangs")}
    said = ", ".join(f"{count} {word}" for word, count in counts.items() if count)
    return "\n".join([f"{len(found)} cases ({said}), {len(others)} of them differ", *others])


def main(arguments: Sequence[str] | None = None) -> int:
    """Start broker and gateway, run the cases, tell; 1: something differs."""
    parser = argparse.ArgumentParser(prog="conformance", description="The cases of Paho, directly and by the tunnel.")
    parser.add_argument("--suite", type=Path, required=True, help="interoperability of paho.mqtt.testing")
    parser.add_argument("--cases", default="*", help="pattern of their names (default: all)")
    chosen = parser.parse_args(arguments)
    ports = {"edge": free_port(), "broker": free_port()}
    found = []
    with tempfile.TemporaryDirectory() as folder:
        config, broker = Path(folder) / "gateway.yaml", Path(folder) / "mosquitto.conf"
        config.write_text(CONFIG.format(**ports))
        broker.write_text(f"listener {ports['broker']} 127.0.0.1\nallow_anonymous true\n")
        commands = [["mosquitto", "-c", str(broker)], [sys.executable, "-m", "fastgw", "run", str(config)]]
        running = [subprocess.Popen(one, stderr=subprocess.DEVNULL) for one in commands]
        try:
            if not all(wait_until(lambda port=port: accepts(port), 30) for port in ports.values()):
                raise RuntimeError("broker or gateway do not answer")
            for module, case in cases(chosen.suite.resolve(), chosen.cases):
                direct, through = (outcome(chosen.suite, module, case, ports[one]) for one in ("broker", "edge"))
                print(f"{module}.{case}: {direct}, {through}", flush=True)
                found.append((module, case, direct, through))
        finally:
            for one in running:
                one.terminate()
                one.wait(20)
    print(told(found))
    return 1 if any(direct != through for _, _, direct, through in found) else 0


if __name__ == "__main__":
    sys.exit(main())
