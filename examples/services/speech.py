"""``POST /speech/activity``: when somebody speaks in a WAV file.

Voice is where the energy is, and what counts as energy depends on the recording:

1. The mean level is taken off and the signal is cut into frames of 20 ms, one every 10 ms; each frame has a level in dB
   below full scale.
2. The quiet tenth of the frames is the noise floor, the loud twentieth the peak; the threshold stands a third of the
   way up, at least 6 dB above the floor.
3. A span starts above the threshold and ends 3 dB below it (hysteresis, so that a trembling vowel stays one span); gaps
   shorter than 150 ms are closed, spans shorter than 60 ms dropped.

Takes uncompressed WAV: 8, 16, 24 or 32 bits, any number of channels (they are averaged).
"""

from __future__ import annotations

import math
import operator
import sys
import wave
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any

from _http import Answer, Call, Problem, arguments, json_answer, run

MOST_BYTES = 32 * 1024 * 1024  #: of the request body
FRAME, STEP = 0.020, 0.010  #: seconds
SILENCE = -96.0  #: dB below full scale: the quietest level there is here
LEAST_PEAK = -50.0  #: dB: a recording that never gets louder has no voice in it
ALWAYS_ON = -30.0  #: dB: a recording without contrast that is louder than this is voice all along
LEAST_RISE = 6.0  #: dB between floor and threshold
HYSTERESIS = 3.0  #: dB
CLOSE_GAP, LEAST_SPAN = 0.150, 0.060  #: seconds


@dataclass(frozen=True, slots=True)
class Sound:
    """Mono samples between -1 and 1."""

    rate: int
    samples: list[float]

    @property
    def duration(self) -> float:
        """Seconds."""
        return len(self.samples) / self.rate


def read_wav(data: bytes) -> Sound:
    """The sound in a WAV file; raises ``Problem(400)``."""
    try:
        with wave.open(BytesIO(data)) as file:
            channels, width, rate = file.getnchannels(), file.getsampwidth(), file.getframerate()
            raw = file.readframes(file.getnframes())
    except (wave.Error, EOFError, ValueError):
        raise Problem(400, "the body is not an uncompressed WAV file") from None
    if width not in (1, 2, 3, 4) or channels < 1 or not 1000 <= rate <= 384_000:
        raise Problem(400, "the WAV file must have 8 to 32 bits a sample and 1 to 384 kHz")
    raw = raw[: len(raw) // (width * channels) * width * channels]
    values = integers(raw, width)
    full = float(1 << (8 * width - 1))
    if channels == 1:
        return Sound(rate, [value / full for value in values])
    parts = [values[channel::channels] for channel in range(channels)]
    return Sound(rate, [sum(group) / (full * channels) for group in zip(*parts, strict=True)])


def integers(raw: bytes, width: int) -> Sequence[int]:
    """Little-endian samples of ``width`` bytes as signed integers; 8 bits are unsigned in a WAV file."""
    if width == 1:
        return [value - 128 for value in raw]
    if width == 3:
        padded = bytearray(len(raw) // 3 * 4)  # 24 bits in the upper three of four bytes: the sign comes for free
        padded[1::4], padded[2::4], padded[3::4] = raw[0::3], raw[1::3], raw[2::3]
        return [value >> 8 for value in integers(bytes(padded), 4)]
    values = array("h" if width == 2 else "i", raw)
    if sys.byteorder == "big":
        values.byteswap()
    return values


def levels(sound: Sound) -> list[float]:
    """The level of each frame in dB below full scale."""
    samples = sound.samples
    if not samples:
        return []
    mean = sum(samples) / len(samples)
    size, step = max(1, round(FRAME * sound.rate)), max(1, round(STEP * sound.rate))
    result = []
    for start in range(0, max(1, len(samples) - size + 1), step):
        frame = [value - mean for value in samples[start : start + size]]
        power = sum(map(operator.mul, frame, frame)) / len(frame)
        result.append(max(SILENCE, 10 * math.log10(power)) if power > 0 else SILENCE)
    return result


def thresholds(frames: list[float]) -> tuple[float, float]:
    """The noise floor and the threshold of a recording, dB; an infinite threshold means that there is no voice."""
    ranked = sorted(frames)
    floor, peak = ranked[len(ranked) // 10], ranked[len(ranked) * 19 // 20]
    if peak < LEAST_PEAK:
        return floor, math.inf
    if peak - floor < LEAST_RISE:
        return floor, floor - HYSTERESIS if floor > ALWAYS_ON else math.inf
    return floor, floor + max(LEAST_RISE, (peak - floor) / 3)


def spans(frames: list[float], threshold: float) -> list[tuple[int, int]]:
    """Frames of voice as (first, one past the last), after hysteresis, closing of gaps and dropping of clicks."""
    found: list[tuple[int, int]] = []
    start = -1
    for index, level in enumerate([*frames, -math.inf]):
        if start < 0 and level >= threshold:
            start = index
        elif start >= 0 and level < threshold - HYSTERESIS:
            if found and (start - found[-1][1]) * STEP < CLOSE_GAP:
                start = found.pop()[0]
            found.append((start, index))
            start = -1
    return [(first, last) for first, last in found if (last - first) * STEP >= LEAST_SPAN]


def activity(data: bytes) -> dict[str, Any]:
    """The spans of voice in a WAV file, in seconds; raises ``Problem(400)``."""
    sound = read_wav(data)
    frames = levels(sound)
    if not frames:
        raise Problem(400, "the WAV file has no samples")
    floor, threshold = thresholds(frames)
    voiced = spans(frames, threshold)
    shift = (FRAME - STEP) / 2  # a frame speaks for the 10 ms around its middle
    result = [
        {
            "start": round(min(first * STEP + shift, sound.duration) if first else 0.0, 3),
            "end": round(min(last * STEP + shift, sound.duration) if last < len(frames) else sound.duration, 3),
            "peak_db": round(max(frames[first:last]), 1),
        }
        for first, last in voiced
    ]
    return {
        "duration": round(sound.duration, 3),
        "sample_rate": sound.rate,
        "noise_db": round(floor, 1),
        "threshold_db": None if math.isinf(threshold) else round(threshold, 1),
        "voice_share": round(sum(span["end"] - span["start"] for span in result) / sound.duration, 3),
        "spans": result,
    }


def answer(call: Call) -> Answer:
    """The spans of the WAV file in the body."""
    return json_answer(activity(call.body.all(MOST_BYTES)))


def main() -> None:
    """The command line."""
    options = arguments("speech", "Spans of voice in a WAV file.").parse_args()
    run("speech", options, {("POST", "/speech/activity"): answer})


if __name__ == "__main__":
    main()
