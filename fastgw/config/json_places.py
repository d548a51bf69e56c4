"""Where something is in a JSON body: keys with dots between, or JSON Pointers (RFC 6901).

Annotations are not postponed here (``config.model`` has the reason).
"""

import re
from typing import Annotated, Final

from fastgw.config.types import Parsed
from fastgw.config.values import shown, text
from fastgw.transformers.pointer import parse

MOST_POINTERS: Final = 256  #: in one list
_PATH = re.compile(r"[^.]+(\.[^.]+){0,15}")
_EXAMPLE = "/data/0/name"


def _field(value: object) -> str:
    """A key, or keys of objects inside each other with dots between."""
    found = text("the key of a field", longest=400)(value)
    if not _PATH.fullmatch(found):
        raise ValueError(f"expected a key such as image, or keys such as data.image, got {shown(value)}")
    return found


def _pointer(value: object) -> str:
    """A pointer that is not of the whole document."""
    found = text("a JSON pointer", longest=400)(value)
    try:
        if parse(found):
            return found
    except ValueError as error:
        raise ValueError(f"{error}, got {shown(value)}") from None
    raise ValueError(f"expected a JSON pointer such as {_EXAMPLE}, got {shown(value)}")


Field = Annotated[str, Parsed(_field, type="string", examples=["image", "data.image"])]
FieldKey = Annotated[str, Parsed(_field, is_key=True, type="string")]
Pointer = Annotated[str, Parsed(_pointer, type="string", pattern=r"^/|\$\{", examples=[_EXAMPLE])]
PointerKey = Annotated[str, Parsed(_pointer, is_key=True, type="string", pattern=r"^/|\$\{")]
