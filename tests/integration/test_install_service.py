"""``scripts/install-service``, into a folder instead of this machine."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from fastgw.config.load import load

pytestmark = pytest.mark.integration

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "install-service"


def install(*options: str, status: int = 0) -> str:
    """What the script says."""
    done = subprocess.run([str(SCRIPT), *options], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout + done.stderr


def files(root: Path) -> dict[str, bytes]:
    """Every file and its content, and every folder."""
    return {
        str(one.relative_to(root)): b"" if one.is_dir() else one.read_bytes()
        for one in root.rglob("*")
        if one.name not in ("etc", "var", "lib", "log", "systemd", "system", "sysusers.d")
    }


def test_it_is_installed_twice_and_removed(tmp_path: Path) -> None:
    options = ("--root", str(tmp_path), "--exec", sys.executable, "--socket", "--with", "jit", "--with", "user")
    assert "installed" in install(*options)
    there = files(tmp_path)
    service = tmp_path / "etc/systemd/system/fastgw.service"
    assert f"ExecStart={sys.executable} run -c /etc/fastgw/gateway.yaml" in service.read_text()
    assert sorted(there) == [
        "etc/fastgw",
        "etc/fastgw/gateway.yaml",
        "etc/systemd/system/fastgw.service",
        "etc/systemd/system/fastgw.service.d",
        "etc/systemd/system/fastgw.service.d/jit.conf",
        "etc/systemd/system/fastgw.service.d/user.conf",
        "etc/systemd/system/fastgw.socket",
        "etc/sysusers.d/fastgw.conf",
        "var/lib/fastgw",
        "var/log/fastgw",
    ]
    assert install(*options).count("\n") == 1 and files(tmp_path) == there  # nothing is left to do
    if shutil.which("systemd-analyze"):
        verify = ["systemd-analyze", "verify", str(service), str(service.with_suffix(".socket"))]
        assert subprocess.run(verify, capture_output=True, check=True, timeout=30).stderr == b""
    install("--root", str(tmp_path), "--remove")
    assert files(tmp_path) == {}


def test_the_first_configuration_can_be_used(tmp_path: Path) -> None:
    install("--root", str(tmp_path), "--exec", sys.executable)
    spec = load(tmp_path / "etc/fastgw/gateway.yaml", {})
    assert spec.admin_socket.startswith("/run/fastgw/") and spec.state_file.startswith("/var/lib/fastgw/")


def test_files_of_the_operator_stay(tmp_path: Path) -> None:
    options = ("--root", str(tmp_path), "--exec", sys.executable)
    install(*options)
    config = tmp_path / "etc/fastgw/gateway.yaml"
    config.write_text("mine")
    install(*options)
    assert "there are files in" in install("--root", str(tmp_path), "--remove")
    assert config.read_text() == "mine" and not (tmp_path / "etc/systemd/system/fastgw.service").exists()


def test_a_dry_run_does_nothing(tmp_path: Path) -> None:
    told = install("--root", str(tmp_path), "--exec", sys.executable, "--dry-run")
    assert f"write {tmp_path}/etc/systemd/system/fastgw.service" in told and files(tmp_path) == {}
    install("--root", str(tmp_path), "--exec", sys.executable)
    there = files(tmp_path)
    assert f"rm -r {tmp_path}/etc/systemd/system/fastgw.service" in install(
        "--root", str(tmp_path), "--remove", "--dry-run"
    )
    assert files(tmp_path) == there


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--with", "magic"], "there are: fleet jit notify-reload owner scheduling user"),
        (["--exec", "/no/such/program"], "/no/such/program is no program"),
        (["--exec", "fastgw"], "absolute path"),
        (["--root"], "--root wants a value"),
        (["--uninstall"], "unknown option --uninstall"),
    ],
)
def test_what_it_cannot_do(tmp_path: Path, options: list[str], words: str) -> None:
    told = install(*([] if options == ["--root"] else ["--root", str(tmp_path)]), *options, status=1)
    assert words in told and files(tmp_path) == {}
