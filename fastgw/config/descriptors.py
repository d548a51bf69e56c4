"""Files that describe services of gRPC, as the configuration names them: a descriptor set, or the ``.proto`` that becomes one."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Final

LARGEST: Final = 4 << 20  #: bytes of a descriptor set
_COMPILED_WITHIN: Final = 30.0  #: seconds


def read_descriptors(path: str) -> bytes:
    """The descriptor set in the file at ``path``, or of the ``.proto`` there with all that it imports.

    Raises:
        ValueError: there is none, in words for the operator.
    """
    try:
        with open(path, "rb") as file:
            data = file.read(LARGEST + 1)
    except (OSError, ValueError) as error:
        raise ValueError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}") from None
    if path.endswith(".proto"):
        data = _compiled(path)
    if len(data) > LARGEST:
        raise ValueError(f"{path} has more than {LARGEST >> 20} MiB of descriptors")
    return data


def _compiled(path: str) -> bytes:
    """What protoc makes of it, in a process of its own: it tells what is wrong on its standard error, and nowhere else."""
    import subprocess  # nosec B404: protoc, without a shell; here, as few files are compiled
    import sysconfig
    import tempfile

    found = find_spec("grpc_tools")
    if found is None or not found.submodule_search_locations:
        raise ValueError(
            f"{path} is a .proto, which the package grpcio-tools compiles: pip install grpcio-tools, "
            "or name what protoc --include_imports --descriptor_set_out makes of it"
        )
    known = (str(Path(found.submodule_search_locations[0], "_proto")), sysconfig.get_path("purelib"))
    with tempfile.TemporaryDirectory(prefix="fastgw-") as folder:
        out = Path(folder, "set.pb")
        paths = [f"-I{one}" for one in (str(Path(path).parent), *known)]
        command = [
            sys.executable,
            "-m",
            "grpc_tools.protoc",
            *paths,
            "--include_imports",
            f"--descriptor_set_out={out}",
        ]
        try:
            done = subprocess.run(  # nosec B603: our own words, and a path from the configuration
                [*command, path], capture_output=True, timeout=_COMPILED_WITHIN, check=False
            )
        except subprocess.TimeoutExpired:
            raise ValueError(f"{path} is not compiled within {_COMPILED_WITHIN:.0f} s") from None
        if done.returncode:
            said = done.stderr.decode("utf-8", "replace").strip().splitlines()
            raise ValueError(f"{path} does not compile: {said[0] if said else f'protoc ended with {done.returncode}'}")
        return out.read_bytes()
