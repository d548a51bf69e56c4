"""The byte work of the hot path: taking heads and chunk lines apart.  Compiled (``_scan.pyx``) when the extension is there.

``_scan_py`` is the plain twin: the fallback, and in the tests the oracle of the compiled one.  ``FASTGW_PURE=1`` chooses it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fastgw.wire._scan_py import scan_chunk_line, scan_request, scan_response
else:
    try:
        from fastgw.wire._scan import scan_chunk_line, scan_request, scan_response
    except ImportError:
        from fastgw.wire._scan_py import scan_chunk_line, scan_request, scan_response

__all__ = ["scan_chunk_line", "scan_request", "scan_response"]
