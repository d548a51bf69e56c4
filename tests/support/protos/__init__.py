"""Descriptor sets of the ``.proto`` files here, as ``protoc`` makes them."""

from __future__ import annotations

import sysconfig
import tempfile
from functools import cache
from pathlib import Path

import grpc_tools
from grpc_tools import protoc

HERE = Path(__file__).parent
_KNOWN = (Path(grpc_tools.__file__).parent / "_proto", Path(sysconfig.get_path("purelib")))


@cache
def descriptor_set(name: str = "library.proto") -> bytes:
    """That of the file ``name``, with all it imports."""
    return compiled(HERE / name)


def compiled(path: Path) -> bytes:
    """That of the file at ``path``."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder, "set.pb")
        paths = [f"-I{one}" for one in (path.parent, *_KNOWN)]
        assert protoc.main(["protoc", *paths, "--include_imports", f"--descriptor_set_out={out}", str(path)]) == 0
        return out.read_bytes()
