"""Where lines of JSON are written, one behind the other, until all of them are taken together.  Compiled (``_writer.pyx``) where it is
built.

``_writer_py`` is the plain twin, and in the tests the oracle of the compiled one.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

if TYPE_CHECKING or find_spec("fastgw.filters._writer") is None:
    from fastgw.filters._writer_py import VALUE_MAX, Writer
else:  # found, so it must import: an error in it is not a reason to be slow in silence
    from fastgw.filters._writer import VALUE_MAX, Writer

__all__ = ["VALUE_MAX", "Writer"]
