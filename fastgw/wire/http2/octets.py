"""The byte work of every frame and field of HTTP/2.  Compiled (``_octets.pyx``) where it is built.

``_octets_py`` is the plain twin, and in the tests the oracle of the compiled one.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

if TYPE_CHECKING or find_spec("fastgw.wire.http2._octets") is None:
    from fastgw.wire.http2._octets_py import find_colon, frame, frame_head, is_value, line_end, literal
else:  # found, so it must import: an error in it is not a reason to be slow in silence
    from fastgw.wire.http2._octets import find_colon, frame, frame_head, is_value, line_end, literal

__all__ = ["find_colon", "frame", "frame_head", "is_value", "line_end", "literal"]
