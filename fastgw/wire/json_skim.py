"""Values of a JSON object, found without reading all the rest into objects.  Compiled (``_json_skim.pyx``) where it is built.

``_json_skim_py`` is the plain twin: the fallback, and in the tests the oracle of the compiled one.  ``FASTGW_PURE=1`` chooses it.

    skim = Skim((b"model", b"stream"))
    skim.feed(piece)        # any number of pieces, cut anywhere
    skim.finish()           # it was all of a JSON object
    skim.found              # [JsonValue(STRING, 10, 17, b'"gpt-4"'), None]

A skim checks all that it passes: grammar, UTF-8, surrogates in escapes, depth (``DEPTH_MAX``).  What it accepts whole, every reader of JSON
reads alike as far as the keys go that were looked for: one of those that stands there twice is refused, as readers take the first or the
last, and so is one in other letters ("Model"), as some do not mind case.  (A key of the outermost object, that is: those further in are
others.)  How large a number is it does not judge.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

if TYPE_CHECKING or find_spec("fastgw.wire._json_skim") is None:
    from fastgw.wire._json_skim_py import Skim
else:  # found, so it must import: an error in it is not a reason to be slow in silence
    from fastgw.wire._json_skim import Skim

__all__ = ["Skim"]
