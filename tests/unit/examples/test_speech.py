"""examples/services/speech.py: sound in, spans of voice out."""

from __future__ import annotations

import math
import random
import wave
from io import BytesIO
from pathlib import Path

import make
import pytest
import speech
from _http import Problem

RATE = 8000


def wav(samples: list[float], width: int = 2, channels: int = 1, rate: int = RATE) -> bytes:
    """Interleaved samples between -1 and 1 as a WAV file."""
    full = (1 << (8 * width - 1)) - 1
    numbers = [round(sample * full) for sample in samples]
    file = BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(channels)
        writer.setsampwidth(width)
        writer.setframerate(rate)
        raw = [
            (n + 128).to_bytes(1, "little") if width == 1 else n.to_bytes(width, "little", signed=True) for n in numbers
        ]
        writer.writeframes(b"".join(raw))
    return file.getvalue()


def sound(*parts: tuple[float, float], noise: float = 0.001, offset: float = 0.0) -> list[float]:
    """(seconds, amplitude of a 200 Hz tone) one after the other, with noise under it."""
    chance = random.Random(3)
    return [
        offset + chance.gauss(0, noise) + loud * math.sin(2 * math.pi * 200 * index / RATE)
        for seconds, loud in parts
        for index in range(round(seconds * RATE))
    ]


def found(data: bytes) -> list[tuple[float, float]]:
    return [(span["start"], span["end"]) for span in speech.activity(data)["spans"]]


def approx(*spans: tuple[float, float]) -> list[object]:
    return [pytest.approx(span, abs=0.02) for span in spans]


def test_the_sample_speaks_when_it_was_made_to(samples: Path) -> None:
    result = speech.activity((samples / "voice.wav").read_bytes())
    assert result["sample_rate"] == make.RATE
    assert result["duration"] == make.DURATION
    spans = [(span["start"], span["end"]) for span in result["spans"]]
    assert spans == approx(*((start, end) for start, end, _ in make.SPEECH))
    spoken = sum(end - start for start, end, _ in make.SPEECH)
    assert result["voice_share"] == pytest.approx(spoken / make.DURATION, abs=0.02)


@pytest.mark.parametrize("loud", [0.02, 0.1, 0.9])
@pytest.mark.parametrize("noise", [0.0, 0.0005, 0.003])
def test_the_threshold_follows_the_recording(loud: float, noise: float) -> None:
    assert found(wav(sound((0.5, 0), (0.7, loud), (0.8, 0), noise=noise))) == approx((0.5, 1.2))


@pytest.mark.parametrize("width", [1, 2, 3, 4])
def test_every_sample_width(width: int) -> None:
    assert found(wav(sound((0.4, 0), (0.5, 0.4), (0.4, 0), noise=0.002), width)) == approx((0.4, 0.9))


def test_channels_are_averaged() -> None:
    left = sound((0.4, 0), (0.5, 0.5), (0.6, 0))
    right = sound((1.2, 0), (0.3, 0.5))
    both = [sample for pair in zip(left, right, strict=True) for sample in pair]
    assert found(wav(both, channels=2)) == approx((0.4, 0.9), (1.2, 1.5))


def test_a_constant_offset_is_not_voice() -> None:
    assert found(wav(sound((0.5, 0), (0.5, 0.2), (0.5, 0), offset=0.3))) == approx((0.5, 1.0))


def test_short_gaps_are_closed_and_clicks_dropped() -> None:
    parts = sound((0.5, 0), (0.3, 0.3), (0.1, 0), (0.3, 0.3), (0.6, 0), (0.02, 0.3), (0.5, 0))
    assert found(wav(parts)) == approx((0.5, 1.2))


def test_voice_up_to_both_ends_has_their_times() -> None:
    assert found(wav(sound((0.6, 0.3), (0.5, 0), (0.6, 0.3)))) == [
        pytest.approx((0.0, 0.6), abs=0.02),
        pytest.approx((1.1, 1.7), abs=0.02),
    ]
    assert speech.activity(wav(sound((0.6, 0.3), (0.5, 0), (0.6, 0.3))))["spans"][0]["start"] == 0.0


def test_without_contrast_it_is_all_voice_or_none() -> None:
    assert found(wav(sound((1.0, 0.5)))) == [(0.0, 1.0)]
    assert found(wav(sound((1.0, 0), noise=0.0005))) == []
    assert found(wav([0.0] * RATE)) == []


def test_less_than_a_frame_is_still_an_answer() -> None:
    assert speech.activity(wav([0.5, -0.5] * 4))["duration"] == 0.001


@pytest.mark.parametrize(
    "data",
    [b"", b"RIFF", b"not a sound at all" * 10, wav([0.1] * 100)[:30], wav([]), wav([0.1] * 8, rate=10)],
    ids=["empty", "stub", "text", "cut", "no samples", "rate"],
)
def test_what_is_no_sound_is_refused(data: bytes) -> None:
    with pytest.raises(Problem) as caught:
        speech.activity(data)
    assert caught.value.status == 400


def test_a_compressed_wav_is_refused() -> None:
    data = bytearray(wav([0.1] * 100))
    data[20] = 6  # A-law
    with pytest.raises(Problem, match="uncompressed"):
        speech.activity(bytes(data))


def test_hysteresis_keeps_a_trembling_span_together() -> None:
    assert speech.spans([-60.0] * 9 + [-20, -31, -20, -32] * 4 + [-60.0] * 9, -30.0) == [(9, 25)]
