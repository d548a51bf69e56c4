"""examples/samples/make.py makes the files that are committed."""

from __future__ import annotations

import wave
from pathlib import Path

import make
from PIL import Image, ImageChops, ImageStat


def test_the_samples_are_what_the_script_makes(samples: Path, tmp_path: Path) -> None:
    """Pixel by pixel and sample by sample: the files themselves may differ with the version of libjpeg or zlib."""
    made = {path.name: path for path in make.write(tmp_path)}
    assert sorted([*made, "make.py", "request.txt"]) == sorted(p.name for p in samples.iterdir() if p.is_file())
    with Image.open(made["shapes.png"]) as new, Image.open(samples / "shapes.png") as old:
        assert new.tobytes() == old.tobytes()
    with Image.open(made["tray.jpg"]) as new, Image.open(samples / "tray.jpg") as old:
        assert max(ImageStat.Stat(ImageChops.difference(new, old)).mean) < 1
    with wave.open(str(made["voice.wav"])) as new_sound, wave.open(str(samples / "voice.wav")) as old_sound:
        assert new_sound.getparams() == old_sound.getparams()
        assert new_sound.readframes(10**6) == old_sound.readframes(10**6)


def test_the_samples_are_small(samples: Path) -> None:
    assert all(path.stat().st_size < 100_000 for path in samples.iterdir() if path.is_file())
