"""The byte work of the hot path: heads and chunk lines taken apart, heads put together; masks of WebSockets.  Compiled
(``_scan.pyx``) where it is built.

``_scan_py`` is the plain twin: the fallback, and in the tests the oracle of the compiled one.  ``FASTGW_PURE=1`` chooses it.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

if TYPE_CHECKING or find_spec("fastgw.wire._scan") is None:
    from fastgw.wire._scan_py import (
        cut,
        find_base64,
        find_head_end,
        framed,
        join,
        masked,
        pair,
        scan_chunk_line,
        scan_request,
        scan_response,
        scan_target,
    )
else:  # found, so it must import: an error in it is not a reason to be slow in silence
    from fastgw.wire._scan import (
        cut,
        find_base64,
        find_head_end,
        framed,
        join,
        masked,
        pair,
        scan_chunk_line,
        scan_request,
        scan_response,
        scan_target,
    )

__all__ = [
    "cut",
    "find_base64",
    "find_head_end",
    "framed",
    "join",
    "masked",
    "pair",
    "scan_chunk_line",
    "scan_request",
    "scan_response",
    "scan_target",
]
