"""``audio/base64-decoder``: a service that takes recordings gets one, from clients that have JSON with it as base64 in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final

from fastgw.errors import DownstreamError, GatewayError
from fastgw.transformers.base64_body import Base64Decoder, Decoding, Format

if TYPE_CHECKING:
    from fastgw.core.exchange.ends import Exchange

FORMAT: Final = "audio_format"  #: note of the exchange

SNIFFED: Final = 12  #: bytes by which each format is known

_WAV = Format("wav", b"audio/wav")
_FLAC = Format("flac", b"audio/flac")
_OGG = Format("ogg", b"audio/ogg")
_MP3 = Format("mp3", b"audio/mpeg")
_AAC = Format("aac", b"audio/aac")
_MP4 = Format("mp4", b"audio/mp4")
_WEBM = Format("webm", b"audio/webm")


def sniff(data: bytes) -> Format | None:
    """The format of a recording that begins with ``data``, its first ``SNIFFED`` bytes, or all of it; None: no known one.

    RIFF and RF64 (EBU Tech 3306), FLAC (RFC 9639), Ogg (RFC 3533), ID3 and frames of MPEG audio and ADTS (ISO 11172-3, 13818-7: behind
    their sync word the layer is 0 in ADTS alone), boxes of ISO 14496-12 (``ftyp``), EBML (RFC 8794).
    """
    if data[:4] in (b"RIFF", b"RF64") and data[8:12] == b"WAVE":
        return _WAV
    if data.startswith(b"fLaC"):
        return _FLAC
    if data.startswith(b"OggS"):
        return _OGG
    if data.startswith(b"ID3"):
        return _MP3
    if data[4:8] == b"ftyp":
        return _MP4
    if data.startswith(b"\x1aE\xdf\xa3"):
        return _WEBM
    if len(data) > 1 and data[0] == 0xFF and data[1] & 0xE0 == 0xE0:
        return _frame(data[1])
    return None


def _frame(second: int) -> Format | None:
    """What has frames that begin with 0xFF and ``second``: sync, version and layer."""
    layer, version = second >> 1 & 3, second >> 3 & 3
    if layer == 0:
        return _AAC if second & 0xF6 == 0xF0 else None
    return _MP3 if version != 1 and layer != 3 else None  # nobody sends layer I, and 0xFF 0xFE is how UTF-16 begins


class AudioBase64Decoder(Base64Decoder):
    """The transformer."""

    __slots__ = ()

    def decoding(self, exchange: Exchange) -> Decoding:
        return _Recording(self, exchange)


class _Recording(Decoding):
    """One body."""

    sniffed: ClassVar[int] = SNIFFED
    noted: ClassVar[str] = FORMAT

    def sniff(self, start: bytes) -> Format | None:
        return sniff(start)

    def end(self, *, is_known: bool) -> None:
        if not is_known:
            raise DownstreamError(422, "audio_malformed", "the recording has no bytes")

    def too_large(self, what: str) -> GatewayError:
        return DownstreamError(413, "audio_too_large", f"the recording {what}")

    def refused(self, what: str) -> GatewayError:
        return DownstreamError(415, "audio_type_refused", f"the recording {what}")
