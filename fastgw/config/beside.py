"""Where files of a gateway are that its configuration does not name.  Nothing heavy is imported: commands ask for it alone."""

from __future__ import annotations

import os
from collections.abc import Mapping


def beside(source: str, ending: str) -> str:
    """A file with the name of the configuration, and another ending."""
    return f"{os.path.splitext(source)[0]}.{ending}"


def default_state_file(source: str, environ: Mapping[str, str]) -> str:
    """The state file of the configuration at the absolute path ``source``.

    It is in the directory that systemd has made for it (``STATE_DIRECTORY``), for the same reason as the socket; else beside.
    """
    folder = environ.get("STATE_DIRECTORY", "").partition(":")[0]
    return beside(os.path.join(folder, os.path.basename(source)) if folder else source, "state.json")


def default_store(state_file: str) -> str:
    """The store of forecasts of a gateway with this state file: beside it."""
    return beside(state_file.removesuffix(".json").removesuffix(".state"), "forecast.db") if state_file else ""


def default_socket(source: str, environ: Mapping[str, str]) -> str:
    """The admin socket of the configuration at the absolute path ``source``.

    It is in the directory that systemd has made for it (``RUNTIME_DIRECTORY``), because ``/etc`` is read-only for a service; else beside.
    """
    folder = environ.get("RUNTIME_DIRECTORY", "").partition(":")[0]
    return beside(os.path.join(folder, os.path.basename(source)) if folder else source, "sock")
