"""fastgw: a reverse proxy for inference services on raw event-loop protocols."""

from __future__ import annotations

from importlib import import_module

from fastgw._pure import compiled, install

__version__ = "0.1.0"
__all__ = ["__version__", "compiled"]  # and what ``__getattr__`` knows

install()


def __getattr__(name: str) -> object:
    """``App``, ``Request`` and ``Response``, which most commands do without."""
    if name in ("App", "Request", "Response"):
        return getattr(import_module("fastgw.app"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
