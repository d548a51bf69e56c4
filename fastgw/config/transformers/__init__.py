"""The registry of transformers: one file, one transformer; its class is the whole entry.

As with filters, a worker gets plain options and the name of what makes the transformer (``made_by``).
"""

from typing import Final

from fastgw.config.transformers.entry import TransformerOptions
from fastgw.config.transformers.image_base64_decoder import ImageBase64Decoder
from fastgw.config.transformers.json_bbox_formatter import JsonBboxFormatter

_ENTRIES: Final[tuple[type[TransformerOptions], ...]] = (ImageBase64Decoder, JsonBboxFormatter)

TRANSFORMERS: Final = {one.word(): one for one in _ENTRIES}  #: its name -> its entry
