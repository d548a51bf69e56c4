"""A gateway that watches its files loads them whichever way they are changed, and nothing twice."""

from __future__ import annotations

import os
import shutil
import ssl
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.processes import Gateway, events, get, reload
from tests.support.certificates import Authority
from tests.support.gateway import GatewayProcess, wait_until
from tests.support.tls import connect, secure

pytestmark = pytest.mark.integration

LOADED = "files have changed, so the configuration is loaded again"
REFUSED = "the new configuration is refused, the old one stays"


def says(word: str, more: str = "watch: true") -> str:
    """A configuration whose gateway answers with ``word``."""
    return f"""
workers: 1
admin: "127.0.0.1:$admin"
reload: {{{more}}}
listeners:
  - address: "127.0.0.1:$port"
routes:
  - {{path: /*, reply: {{status: 200, body: {word}}}}}
"""


def answers(running: GatewayProcess, word: str) -> None:
    wait_until(lambda: get(running.port).endswith(word.encode()), what=f"it answers {word}")


def test_each_way_of_writing(gateway: Gateway) -> None:
    running = gateway(says("one"))
    file, folder = running.config, running.config.parent
    wait_until(lambda: running.admin("/status")["watch"]["looked"])
    running.write_config(says("written"))
    answers(running, "written")

    new = folder / "new.yaml"
    new.write_text(file.read_text().replace("written", "renamed"))
    os.rename(new, file)
    answers(running, "renamed")

    text = file.read_text()
    file.unlink()
    wait_until(lambda: running.admin("/status")["watch"]["missing"] == [str(file)])
    assert get(running.port).endswith(b"renamed")
    file.write_text(text.replace("renamed", "recreated"))
    answers(running, "recreated")

    for number, word in ((1, "mapped"), (2, "turned")):  # as the kubelet does it with a ConfigMap
        version = folder / f"..{number}"
        version.mkdir()
        (version / file.name).write_text(text.replace("renamed", word))
        (folder / "..data_tmp").symlink_to(version.name)
        os.rename(folder / "..data_tmp", folder / "..data")
        if number == 1:
            (folder / "link").symlink_to(f"..data/{file.name}")
            os.rename(folder / "link", file)
        answers(running, word)
    shutil.rmtree(folder / "..1")

    before = running.admin("/status")
    assert before["reloads"] == {"ok": 5, "refused": 0, "went_back": 0} and before["last_reload"]["by"] == "watch"
    for _ in range(3):  # broken, told once, whoever writes it again
        (folder / "..data" / file.name).write_text("routes: [")
        wait_until(lambda: running.admin("/status")["reloads"]["refused"] == 1)
    looked = running.admin("/status")["watch"]["looked"]
    os.utime(file)
    wait_until(lambda: running.admin("/status")["watch"]["looked"] != looked)
    assert get(running.port).endswith(b"turned")
    (folder / "..data" / file.name).write_text(text.replace("renamed", "mended"))
    answers(running, "mended")
    assert [line["by"] for line in events(running, REFUSED)] == ["watch"] and len(events(running, LOADED)) == 7

    reload(running, says("signalled"))  # both want it, one is enough
    wait_until(lambda: running.admin("/status")["watch"]["looked"] > looked)
    status = running.admin("/status")
    assert status["generation"] == 8 and get(running.port).endswith(b"signalled")
    assert (status["watch"]["by"], status["watch"]["cause"], status["watch"]["files"]) == ("inotify", None, 1)
    assert 'fastgw_config_watched_files{by="inotify"} 1.0' in running.admin("/metrics")
    command = [sys.executable, "-m", "fastgw", "status", "-c", str(file)]
    shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "watching   1 file, by inotify and every 30 s, changed" in shown
    reload(running, says("silent", "watch: false"))
    assert running.admin("/status")["watch"] is None


def test_a_certificate_that_is_renewed(gateway: Gateway, tmp_path: Path) -> None:
    """As cert-manager does it: certificate and key in a folder to which one link is turned."""
    authority = Authority(tmp_path)
    (tmp_path / "tls").mkdir()

    def renew(version: str, name: str) -> None:
        (tmp_path / "tls" / version).mkdir()
        authority.pair("edge", name, folder=tmp_path / "tls" / version)
        (tmp_path / "tls" / "..tmp").symlink_to(version)
        os.rename(tmp_path / "tls" / "..tmp", tmp_path / "tls" / "..data")

    def shown() -> set[str]:
        context = ssl.create_default_context(cafile=authority.ca)
        context.check_hostname = False
        with connect(running.port, context) as sock:
            certificate = sock.getpeercert()
        assert certificate is not None
        return {str(value) for _, value in certificate["subjectAltName"]}

    renew("..1", "old.test")
    for end in ("pem", "key"):
        (tmp_path / "tls" / f"edge.{end}").symlink_to(f"..data/edge.{end}")
    pair = (str(tmp_path / "tls" / "edge.pem"), str(tmp_path / "tls" / "edge.key"))
    running = gateway(says("one").replace('$port"', f'$port"\n    {secure(pair)}'))
    assert shown() == {"old.test"} and running.admin("/status")["watch"]["files"] == 3
    wait_until(lambda: running.admin("/status")["watch"]["looked"])
    renew("..2", "new.test")
    wait_until(lambda: shown() == {"new.test"})

    Path(pair[1]).unlink()  # a key of another one, in two steps: refused, and mended by the next
    Path(pair[1]).write_bytes((tmp_path / "tls" / "..1" / "edge.key").read_bytes())
    wait_until(lambda: running.admin("/status")["reloads"]["refused"])
    assert "does not belong to the certificate" in running.admin("/status")["last_reload"]["error"]
    assert shown() == {"new.test"}
    Path(pair[0]).unlink()
    Path(pair[0]).write_bytes((tmp_path / "tls" / "..1" / "edge.pem").read_bytes())
    wait_until(lambda: shown() == {"old.test"})
    assert running.admin("/status")["reloads"] == {"ok": 2, "refused": 1, "went_back": 0}
    (line,) = events(running, REFUSED)
    assert line["by"] == "watch"
