"""What ``scripts/wheels`` does; see there."""

from __future__ import annotations

import argparse
import gzip
import io
import os
import re
import shutil
import socket
import subprocess
import sys
import tarfile
import tempfile
import time
import urllib.request
import venv
import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SERVED = """
listeners: [{{address: 127.0.0.1:{port}}}]
routes: [{{path: /, reply: {{text: here}}}}]
"""
PATIENCE = 30.0  #: seconds for a gateway to answer


class Wrong(Exception):
    """What was built is not what is to be published."""


def say(text: str) -> None:
    print(f"scripts/wheels: {text}", flush=True)


def run(*command: str | Path, cwd: Path | None = None, **environment: str) -> str:
    """Return what ``command`` printed.

    Raises Wrong.
    """
    done = subprocess.run(
        command, cwd=cwd, env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise Wrong(f"{' '.join(map(str, command))}:\n{done.stdout}{done.stderr}")
    return done.stdout


def tracked() -> list[str]:
    """The files of the repository, as they are now."""
    names = run("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", cwd=ROOT).split("\0")
    return [name for name in names if name and (ROOT / name).is_file()]


# -- building -----------------------------------------------------------------------------------------------------


def tree(folder: Path, names: Iterable[str]) -> Path:
    """A copy of the repository without anything that a build left there."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, folder / name)
    return folder


def sdist(source: Path, target: Path) -> Path:
    run(sys.executable, "-m", "build", "--sdist", "--no-isolation", "--outdir", target, source)
    (path,) = target.glob("*.tar.gz")
    path.write_bytes(same_for_all(path.read_bytes(), int(os.environ["SOURCE_DATE_EPOCH"])))
    return path


def same_for_all(archive: bytes, seconds: int) -> bytes:
    """A .tar.gz with the same files in order, and nothing of who packed it, when, and with which umask."""
    packed = io.BytesIO()
    with (
        tarfile.open(fileobj=io.BytesIO(archive)) as old,
        gzip.GzipFile(fileobj=packed, mode="wb", filename="", mtime=seconds) as compressed,
        tarfile.open(fileobj=compressed, mode="w", format=tarfile.PAX_FORMAT) as new,
    ):
        for member in sorted(old.getmembers(), key=lambda one: one.name):
            member.mtime = seconds
            member.uid = member.gid = 0
            member.uname = member.gname = ""
            member.mode = 0o755 if member.isdir() or member.mode & 0o100 else 0o644
            member.pax_headers = {}
            new.addfile(member, old.extractfile(member) if member.isfile() else None)
    return packed.getvalue()


def wheel(archive: Path, target: Path, **environment: str) -> Path:
    """Build a wheel of what is in the sdist ``archive``."""
    with tempfile.TemporaryDirectory() as folder:
        with tarfile.open(archive) as packed:
            packed.extractall(folder, filter="data")
        (source,) = Path(folder).iterdir()
        run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", target, source, **environment)
    (path,) = target.glob("*.whl")
    return path


def compiled(archive: Path, target: Path) -> Path:
    """The wheel of extensions, its name by what auditwheel found that they need."""
    raw = wheel(archive, target / "raw", FASTGW_REQUIRE="1")
    run("auditwheel", "repair", "--strip", "--wheel-dir", target, raw)
    (path,) = target.glob("*.whl")
    return path


# -- looking at it ------------------------------------------------------------------------------------------------


def names_in(path: Path) -> set[str]:
    if path.suffix == ".whl":
        with zipfile.ZipFile(path) as archive:
            return {name for name in archive.namelist() if not name.endswith("/")}
    with tarfile.open(path) as packed:
        return {member.name.partition("/")[2] for member in packed.getmembers() if member.isfile()}


def look_at_wheel(names: set[str], source: Iterable[str], *, has_extensions: bool) -> None:
    """The package as it is in the repository, its extensions and the licence: no more, no less.

    Raises Wrong.
    """
    package = {name for name in source if name.startswith("fastgw/")}
    metadata = {name for name in names if re.match(r"fastgw-[^/]+\.dist-info/", name)}
    extensions = {name for name in names if name.endswith(".so")}
    if missing := package - names:
        raise Wrong(f"not in the wheel (package-data of pyproject.toml): {sorted(missing)}")
    if surplus := names - package - metadata - extensions:
        raise Wrong(f"in the wheel, and not of the package: {sorted(surplus)}")
    if not any(name.endswith(".dist-info/licenses/LICENSE") for name in metadata):
        raise Wrong("the wheel has no licence")
    wanted = {name.rsplit(".", 1)[0] for name in package if name.endswith(".pyx")}
    wanted |= {name.removesuffix(".pxd") for name in package if name.endswith(".pxd") and f"{name[:-3]}py" in package}
    wanted.add("fastgw/_shared")  # by setup.py, from no source of ours
    if (found := {name.partition(".")[0] for name in extensions}) != (wanted if has_extensions else set()):
        raise Wrong(f"extensions: {sorted(found ^ wanted)}")


def look_at_sdist(names: set[str], source: Iterable[str]) -> None:
    """What a build needs and the licence.

    Raises Wrong.
    """
    wanted = {name for name in source if name.startswith("fastgw/")} | {
        "pyproject.toml",
        "setup.py",
        "LICENSE",
        "README.md",
    }
    if missing := wanted - names:
        raise Wrong(f"not in the sdist: {sorted(missing)}")
    ours = {name for name in names if not re.match(r"PKG-INFO$|setup\.cfg$|fastgw\.egg-info/", name)}
    if surplus := ours - wanted:
        raise Wrong(f"in the sdist, and not needed for a build: {sorted(surplus)}")


# -- trying it ----------------------------------------------------------------------------------------------------


def install(path: Path, folder: Path) -> Path:
    """Install a wheel and what it asks for, in the releases of constraints/; return the folder of programs."""
    venv.create(folder, with_pip=False)
    pinned = re.findall(r"(?m)^[A-Za-z0-9._-]+==[^\\\n]+", (ROOT / "constraints" / "run.txt").read_text())
    (folder / "pins").write_text("\n".join(pinned))
    pip = (sys.executable, "-m", "pip", "--python", folder / "bin" / "python", "install", "-qq")
    run(*pip, "--disable-pip-version-check", "-c", folder / "pins", path)
    return folder / "bin"


def use(programs: Path, folder: Path) -> str:
    """Check a configuration, start a gateway with it and ask it something; return what ``fastgw version`` says.

    Raises Wrong.
    """
    fastgw = programs / "fastgw"
    version = run(fastgw, "version", cwd=folder).strip()
    shutil.copytree(ROOT / "examples", folder / "examples")
    run(fastgw, "check", "examples/answers.yaml", cwd=folder)
    port = free_port()
    (folder / "gateway.yaml").write_text(SERVED.format(port=port))
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([fastgw, "run", "-c", "gateway.yaml"], cwd=folder, stdout=log, stderr=log)
    try:
        ask(process, port, folder / "log")
    finally:
        process.terminate()
        status = process.wait(PATIENCE)
    if status:
        raise Wrong(f"fastgw run ended with {status}:\n{(folder / 'log').read_text()}")
    return version


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def ask(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    end = time.monotonic() + PATIENCE
    while process.poll() is None and time.monotonic() < end:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5) as answer:
                if answer.read() == b"here":
                    return
        except OSError:
            time.sleep(0.1)
    raise Wrong(f"no answer from the gateway:\n{log.read_text()}")


# -- all of it ----------------------------------------------------------------------------------------------------


def twice(title: str, first: Path, second: Path) -> None:
    """Raises Wrong if two builds are not equal."""
    if first.read_bytes() != second.read_bytes():
        raise Wrong(f"two builds of the {title} differ")
    say(f"{first.name}: two builds are equal")


def build(work: Path, *, is_pure: bool) -> list[Path]:
    names = tracked()
    archive = sdist(tree(work / "tree", names), work / "sdist")
    look_at_sdist(names_in(archive), names)
    twice("sdist", archive, sdist(tree(work / "again", names), work / "sdist2"))
    pure = wheel(archive, work / "pure", FASTGW_PURE="1")
    look_at_wheel(names_in(pure), names, has_extensions=False)
    twice("pure wheel", pure, wheel(archive, work / "pure2", FASTGW_PURE="1"))
    built = [archive, pure]
    if not is_pure:
        say("compiling")
        built.append(compiled(archive, work / "compiled"))
        look_at_wheel(names_in(built[-1]), names, has_extensions=True)
    for path in built[1:]:
        home = work / f"home-{path.parent.name}"
        version = use(install(path, home), home)
        say(f"{path.name}: installed and used: {version.splitlines()[0]}")
    return built


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="scripts/wheels")
    parser.add_argument("--pure", action="store_true", help="not the compiled wheel")
    given = parser.parse_args(arguments)
    try:
        with tempfile.TemporaryDirectory() as folder:
            built = build(Path(folder), is_pure=given.pure)
            (ROOT / "dist").mkdir(exist_ok=True)
            kept = [Path(shutil.copy(path, ROOT / "dist")) for path in built]
    except Wrong as error:
        print(f"scripts/wheels: {error}", file=sys.stderr)
        return 1
    for path in kept:
        say(f"dist/{path.name} ({path.stat().st_size:,} bytes)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
