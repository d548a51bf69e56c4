"""A directory with everything in it that must not be served, beside what is."""

from __future__ import annotations

import os
from pathlib import Path

SECRET = b"of nobody's business"

#: What is served: the path of a request behind its prefix, and the content.
SERVED = {
    b"": b"<p>index</p>",
    b"index.html": b"<p>index</p>",
    b"a.txt": b"0123456789",
    b"sub/": b"<p>sub</p>",
    b"sub/a%20b.css": b"p {}",
    b"sub/deep/x": b"deep",
    b"empty": b"",
    b"%E4": b"latin",
}


def plant(place: Path) -> Path:
    """The root of a tree in ``place``; outside of it is a secret, which links of every kind lead to."""
    root = place / "public"
    (root / "sub" / "deep").mkdir(parents=True)
    (root / ".git").mkdir()
    outside = place / "outside"
    outside.mkdir()
    for path in (
        place / "secret",
        outside / "secret",
        root / ".hidden",
        root / ".git" / "config",
        root / "sub" / ".env",
    ):
        path.write_bytes(SECRET)
    for name, content in {
        b"index.html": b"<p>index</p>",
        b"a.txt": b"0123456789",
        b"sub/index.html": b"<p>sub</p>",
        b"sub/a b.css": b"p {}",
        b"sub/deep/x": b"deep",
        b"empty": b"",
        b"\xe4": b"latin",
    }.items():
        with open(os.path.join(os.fsencode(root), name), "wb") as file:
            file.write(content)
    (root / "link").symlink_to(place / "secret")
    (root / "relative").symlink_to("../secret")
    (root / "folder").symlink_to(outside)
    (root / "inside").symlink_to("a.txt")
    (root / "sub" / "loop").symlink_to("loop")
    (root / "proc").symlink_to("/proc/self/root")
    os.mkfifo(root / "fifo")
    return root
