"""What can be seen of tokens in a block of events (``wire.sse``), and in an answer, without making objects of it.
Compiled (``_glance.pyx``) where it is built.

``_glance_py`` is the plain twin: the fallback, and in the tests the oracle of the compiled one.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

if TYPE_CHECKING or find_spec("fastgw.wire._glance") is None:
    from fastgw.wire._glance_py import glance, may_tell, tell_begun, tell_used
else:  # found, so it must import: an error in it is not a reason to be slow in silence
    from fastgw.wire._glance import glance, may_tell, tell_begun, tell_used

__all__ = ["glance", "may_tell", "tell_begun", "tell_used"]
