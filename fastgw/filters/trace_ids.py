"""Ids of new traces and spans, by chance.  Compiled (``_trace_ids.pyx``) where it is built.

``_trace_ids_py`` is the plain twin, and in the tests the oracle of the compiled one.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

if TYPE_CHECKING or find_spec("fastgw.filters._trace_ids") is None:
    from fastgw.filters._trace_ids_py import TraceIds
else:  # found, so it must import: an error in it is not a reason to be slow in silence
    from fastgw.filters._trace_ids import TraceIds

__all__ = ["TraceIds"]
