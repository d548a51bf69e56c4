"""fastgw: a reverse proxy for inference services on raw event-loop protocols."""

from __future__ import annotations

from fastgw._pure import compiled, install

__version__ = "0.1.0"
__all__ = ["__version__", "compiled"]

install()
