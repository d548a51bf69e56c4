"""A configuration that does harm is left again by itself, and who waits for the guard learns it."""

from __future__ import annotations

import json
import re
import ssl
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.processes import Gateway, Service, events, get, reload, say
from tests.support.certificates import Authority
from tests.support.gateway import simple_config, wait_until
from tests.support.ports import free_port
from tests.support.tls import connect, secure

pytestmark = pytest.mark.integration

GUARD = "reload: {guard: 30s, min_requests: 20}\n"


def test_a_service_that_is_not_there_is_gone_back_from(gateway: Gateway, service: Service) -> None:
    text = simple_config(service(say(b"hi")).address, workers=2) + GUARD
    running = gateway(text)
    for _ in range(20):
        assert get(running.port).endswith(b"hi")
    asked = [sys.executable, "-m", "fastgw", "reload", "-c", str(running.config), "--wait-guard", "--json"]
    broken = simple_config(f"127.0.0.1:{free_port()}", workers=2) + GUARD
    running.write_config(broken)
    with subprocess.Popen(asked, stdout=subprocess.PIPE, text=True) as waiting:
        wait_until(lambda: running.admin("/status")["generation"] == 2)
        answers = set[bytes]()
        wait_until(lambda: answers.add(get(running.port)[:12]) or running.admin("/status")["generation"] == 3)
        assert b"HTTP/1.1 502" in answers
        told = json.loads(waiting.communicate(timeout=20)[0])
    assert waiting.returncode == 1 and (told["error"], told["generation"]) == ("went_back", 3)
    assert get(running.port).endswith(b"hi")
    (line,) = events(running, "the new configuration made more errors, the one before is in use again")
    # A worker may answer by the configuration before for a moment after the other one has begun with the new one.
    (share,) = (re.fullmatch(r"0\.0 % -> ([\d.]+) %", change) for change in line["routes"].values())
    assert share is not None and float(share[1]) > 50
    status = running.admin("/status")
    assert status["last_reload"]["went_back"] and status["guard"]["state"] == "went back"
    assert 'fastgw_config_reloads_total{result="went_back"} 1.0' in running.admin("/metrics")
    assert running.config.read_text().count(broken.split("endpoints")[1][:20]) == 1  # the file is as it was written
    reload(running, text)
    assert running.admin("/status")["last_reload"]["ok"]


def test_a_certificate_that_is_renewed_does_not_bring_it_in_again(
    gateway: Gateway, service: Service, tmp_path: Path
) -> None:
    """The configuration that is in use has the new one, and what was left waits for a change of its own."""
    authority = Authority(tmp_path)
    pair = authority.pair("edge", "old.test")
    context = ssl.create_default_context(cafile=authority.ca)
    context.check_hostname = False

    def ask() -> tuple[bytes, str]:
        """The end of an answer, and whom the certificate is for."""
        with connect(running.port, context) as sock:
            sock.sendall(b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
            found = b"".join(iter(lambda: sock.recv(65536), b""))
            certificate = sock.getpeercert()
        assert certificate is not None
        return found[-2:], str(certificate["subjectAltName"][0][1])

    def text(address: str) -> str:
        config = simple_config(address, listener=secure(pair))
        return config + "reload: {guard: 30s, min_requests: 20, watch: true}\n"

    good = text(service(say(b"hi")).address)
    running = gateway(good)
    assert [ask() for _ in range(3)] == 3 * [(b"hi", "old.test")]
    running.write_config(text(f"127.0.0.1:{free_port()}"))
    wait_until(lambda: ask() and running.admin("/status")["reloads"]["went_back"])
    authority.pair("edge", "new.test")
    wait_until(lambda: ask()[1] == "new.test")
    status = running.admin("/status")
    assert ask()[0] == b"hi" and status["last_reload"]["went_back"] and status["guard"]["state"] == "went back"
    (line,) = events(
        running,
        "the configuration in use has read its files again; the one that was left is not tried before it changes",
    )
    assert line["left"] == [str(running.config)]
    running.write_config(good.replace("guard: 30s", "guard: 31s"))
    wait_until(lambda: running.admin("/status")["last_reload"]["ok"])
    assert ask() == (b"hi", "new.test")
