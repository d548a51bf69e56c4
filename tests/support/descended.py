"""A gateway that root starts and that becomes somebody else, who has to get at the interpreter and at the files of the test."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.support.gateway import ROOT, GatewayProcess

USER = "nobody"

# Interpreters are sometimes below a home that is for root alone.  In a view of its own the home is another folder, which all
# may pass, and the interpreter is in its place in there.
_IN_VIEW = """
home=$1 tool=$2 aside=$3
shift 3
mount --bind "$tool" "$aside"
mount -t tmpfs -o mode=755 none "$home"
mkdir -p "$tool"
mount --move "$aside" "$tool" 2>/dev/null || mount --bind "$aside" "$tool"
exec "$@"
"""


@contextlib.contextmanager
def own_folder() -> Iterator[Path]:
    """A folder that ``USER`` may write to; those of pytest are for who runs it."""
    with tempfile.TemporaryDirectory(prefix="fastgw-user-") as name:
        folder = Path(name)
        os.chown(folder, ids()[0], 0)
        folder.chmod(0o755)
        yield folder


def ids() -> tuple[int, int]:
    """Of ``USER``: user and group."""
    entry = pwd.getpwnam(USER)
    return entry.pw_uid, entry.pw_gid


def prefix(aside: Path) -> list[str]:
    """What is put in front of a command, so that ``USER`` may read the interpreter; ``aside``: an empty folder."""
    real = Path(os.path.realpath(sys.executable)).parents[1]
    closed = [one for one in (real, *real.parents) if not one.stat().st_mode & 0o001]
    if not closed:
        return []
    aside.mkdir(exist_ok=True)
    shell = shutil.which("sh") or "/bin/sh"
    return ["unshare", "--mount", shell, "-ec", _IN_VIEW, "sh", str(closed[0]), str(real), str(aside)]


class Descended(GatewayProcess):
    """The gateway."""

    def command(self) -> list[str]:
        """What is started."""
        return [*prefix(self.config.with_name("aside")), *super().command()]


def reads(path: Path) -> bool:
    """Is the checkout itself where others may read it?"""
    return all(one.stat().st_mode & 0o001 for one in (path, *path.parents))


IS_POSSIBLE = os.geteuid() == 0 and reads(ROOT)
