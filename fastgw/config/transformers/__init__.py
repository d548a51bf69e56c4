"""The registry of transformers: one file, one transformer; its class is the whole entry.

As with filters, a worker gets plain options and the name of what makes the transformer (``made_by``).
"""

from typing import Final

from fastgw.config.transformers.audio_base64_decoder import AudioBase64Decoder
from fastgw.config.transformers.entry import TransformerOptions
from fastgw.config.transformers.grpc_json_transcoder import GrpcJsonTranscoder
from fastgw.config.transformers.image_base64_decoder import ImageBase64Decoder
from fastgw.config.transformers.image_resize import ImageResize
from fastgw.config.transformers.json_bbox_formatter import JsonBboxFormatter
from fastgw.config.transformers.json_select import JsonSelect
from fastgw.config.transformers.json_template import JsonTemplate
from fastgw.config.transformers.kserve_rest_grpc import KserveRestGrpc

_ENTRIES: Final[tuple[type[TransformerOptions], ...]] = (
    *(ImageBase64Decoder, ImageResize, AudioBase64Decoder),
    *(JsonBboxFormatter, JsonSelect, JsonTemplate),
    *(GrpcJsonTranscoder, KserveRestGrpc),
)

TRANSFORMERS: Final = {one.word(): one for one in _ENTRIES}  #: its name -> its entry
