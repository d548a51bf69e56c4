"""Makes the sample files beside it, the same ones every time: ``python examples/samples/make.py [DIRECTORY]``.

The truth about each file (where the things are, when the voice speaks) is here too, and the tests compare with it.
Needs Pillow.
"""

from __future__ import annotations

import math
import random
import sys
import wave
from array import array
from pathlib import Path

from PIL import Image, ImageDraw, ImageFilter

#: shapes.png: label, colour, box (left, top, right, bottom)
SHAPES = (
    ("rectangle", "#d62828", (40, 40, 200, 130)),
    ("ellipse", "#2a6fdb", (260, 30, 400, 170)),
    ("triangle", "#2a9d3a", (60, 190, 200, 320)),
    ("ellipse", "#f4a300", (270, 220, 430, 300)),
    ("rectangle", "#6a3fa0", (500, 60, 560, 300)),
)
SHAPES_SIZE = (600, 360)

#: tray.jpg: centre and radius of each washer on the tray
WASHERS = ((120, 110, 52), (300, 90, 36), (470, 130, 60), (180, 290, 44), (380, 300, 56), (540, 320, 30))
TRAY_SIZE = (640, 420)

#: voice.wav: when the voice speaks, in seconds, and the pitch it ends on (Hz)
RATE, DURATION = 8000, 4.0
SPEECH = ((0.50, 1.20, 132.0), (1.60, 2.45, 104.0), (3.00, 3.60, 118.0))
PITCH = 121.0
FORMANTS = ((700.0, 90.0), (1220.0, 110.0), (2600.0, 160.0))  # an "a": centre and width, Hz


def shapes() -> Image.Image:
    """Flat shapes on a light ground, edges smoothed."""
    zoom = 4
    image = Image.new("RGB", (SHAPES_SIZE[0] * zoom, SHAPES_SIZE[1] * zoom), "#f2efe6")
    draw = ImageDraw.Draw(image)
    for label, colour, (left, top, right, bottom) in SHAPES:
        box = (left * zoom, top * zoom, right * zoom - 1, bottom * zoom - 1)
        if label == "rectangle":
            draw.rectangle(box, fill=colour)
        elif label == "ellipse":
            draw.ellipse(box, fill=colour)
        else:
            draw.polygon([(box[0], box[3]), ((box[0] + box[2]) / 2, box[1]), (box[2], box[3])], fill=colour)
    return image.resize(SHAPES_SIZE, Image.Resampling.BOX)


def tray() -> Image.Image:
    """Bright washers on a dark, unevenly lit, slightly noisy tray, as a camera over a belt would see them."""
    width, height = TRAY_SIZE
    chance = random.Random(31)
    ground = bytes(
        max(0, min(255, round(58 - 16 * math.hypot(x / width - 0.5, y / height - 0.5) + chance.gauss(0, 2.0))))
        for y in range(height)
        for x in range(width)
    )
    image = Image.frombytes("L", TRAY_SIZE, ground).convert("RGB")
    draw = ImageDraw.Draw(image)
    for x, y, radius in WASHERS:
        for step in range(radius, 0, -1):  # brighter towards the middle, like turned metal
            level = 150 + round(70 * (1 - step / radius))
            draw.ellipse((x - step, y - step, x + step, y + step), fill=(level, level, min(255, level + 8)))
    return image.filter(ImageFilter.GaussianBlur(0.8))


def voice() -> array[int]:
    """Voice-like sounds (harmonics of a gliding pitch, shaped by formants) between silences with some room noise."""
    chance = random.Random(17)
    samples = [chance.gauss(0, 0.0015) for _ in range(round(RATE * DURATION))]
    for start, end, last_pitch in SPEECH:
        first, count = round(start * RATE), round((end - start) * RATE)
        phase = 0.0
        for index in range(count):
            share = index / count
            pitch = PITCH + (last_pitch - PITCH) * share
            phase += 2 * math.pi * pitch / RATE
            edge = min(1.0, index / (0.02 * RATE), (count - index) / (0.03 * RATE))  # no clicks
            syllables = 0.75 + 0.25 * math.cos(2 * math.pi * 4.0 * index / RATE)
            tone = sum(loudness(number * pitch) * math.sin(number * phase) for number in range(1, int(3600 / pitch)))
            samples[first + index] += 0.10 * edge * syllables * tone
    return array("h", (round(32767 * max(-1.0, min(1.0, sample))) for sample in samples))


def loudness(frequency: float) -> float:
    """How strongly the mouth lets a frequency (Hz) through: a sum of resonances over a falling slope."""
    peaks = sum(1 / (1 + ((frequency - centre) / width) ** 2) for centre, width in FORMANTS)
    return (0.08 + peaks) / (1 + frequency / 1000)


def write(directory: Path) -> list[Path]:
    """Write every sample into ``directory``; returns their paths."""
    paths = [directory / name for name in ("shapes.png", "tray.jpg", "voice.wav")]
    shapes().save(paths[0], optimize=True)
    tray().save(paths[1], quality=85)
    samples = voice()
    if sys.byteorder == "big":
        samples.byteswap()
    with wave.open(str(paths[2]), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(samples.tobytes())
    return paths


if __name__ == "__main__":
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
    for path in write(target):
        print(f"{path}: {path.stat().st_size} bytes")
