"""Huffman coding of HPACK (RFC 7541 section 5.2 and appendix B).  Compiled (``_huffman.pyx``) where it is built.

``_huffman_py`` is the plain twin, and in the tests the oracle of the compiled one.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

if TYPE_CHECKING or find_spec("fastgw.wire.http2._huffman") is None:
    from fastgw.wire.http2._huffman_py import decoded, encoded, encoded_size
else:  # found, so it must import: an error in it is not a reason to be slow in silence
    from fastgw.wire.http2._huffman import decoded, encoded, encoded_size

__all__ = ["decoded", "encoded", "encoded_size"]
