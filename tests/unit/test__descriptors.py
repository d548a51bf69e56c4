"""Descriptors 0, 1 and 2 belong to stdin, stdout and stderr, whatever was closed when the process was started; and room for more."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

TELL = """
import json, os, sys
from fastgw._descriptors import open_standard

open_standard()
open_standard()
found = [os.readlink(f"/proc/self/fd/{fd}") for fd in range(3)]
print("to stdout")
sys.stderr.write("to stderr\\n")
read = sys.stdin.read()
fresh = os.open("/dev/zero", os.O_RDONLY)
with open(sys.argv[1], "w") as file:
    json.dump({"found": found, "inherited": [os.get_inheritable(fd) for fd in range(3)], "read": read, "fresh": fresh}, file)
"""


@pytest.mark.parametrize("closed", ["", "0<&-", ">&-", "2>&-", ">&- 2>&-", "0<&- >&- 2>&-"])
def test_what_was_closed_is_the_null_device(closed: str, tmp_path: object) -> None:
    place = f"{tmp_path}/told"
    command = ["sh", "-c", f'exec "$@" {closed}', "sh", sys.executable, "-c", TELL, place]
    ended = subprocess.run(command, input="in", capture_output=True, text=True, timeout=30)
    assert ended.returncode == 0, ended.stderr
    with open(place, encoding="utf-8") as file:
        told = json.load(file)
    is_closed = ["0<&-" in closed, closed.replace("2>&-", "").count(">&-") == 1, "2>&-" in closed]
    assert [one == "/dev/null" for one in told["found"]] == is_closed
    assert told["inherited"] == [True, True, True]
    assert told["fresh"] > 2
    assert (told["read"], ended.stdout, ended.stderr) == (
        "" if is_closed[0] else "in",
        "" if is_closed[1] else "to stdout\n",
        "" if is_closed[2] else "to stderr\n",
    )


GROW = """
import os, re, resource, sys
from fastgw._descriptors import have_room

resource.setrlimit(resource.RLIMIT_NOFILE, (int(sys.argv[1]),) * 2)
before = os.listdir("/proc/self/fd")
have_room(4096)
assert os.listdir("/proc/self/fd") == before
with open("/proc/self/status") as file:
    print(re.search(r"FDSize:\\s+(\\d+)", file.read())[1])
"""


@pytest.mark.parametrize(("limit", "size"), [(8192, 4096), (1000, 1024)])
def test_the_table_has_grown_before_there_are_threads_as_far_as_the_limit_allows(limit: int, size: int) -> None:
    ended = subprocess.run([sys.executable, "-c", GROW, str(limit)], capture_output=True, text=True, timeout=30)
    assert (ended.returncode, ended.stdout.strip()) == (0, str(size)), ended.stderr
