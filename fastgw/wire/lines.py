"""Field lines, each with its CRLF: the values of a field, lines taken out, names that look the same; and credentials behind their scheme.
Compiled (``_lines.pyx``) where it is built.

``_lines_py`` is the plain twin, and in the tests the oracle of the compiled one.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

if TYPE_CHECKING or find_spec("fastgw.wire._lines") is None:
    from fastgw.wire._lines_py import behind, has_any, names_like, value_of, values_of, with_length, without_fields
else:  # found, so it must import: an error in it is not a reason to be slow in silence
    from fastgw.wire._lines import behind, has_any, names_like, value_of, values_of, with_length, without_fields

__all__ = ["behind", "has_any", "names_like", "value_of", "values_of", "with_length", "without_fields"]
