"""``docs/security.md``: its table of what may stand in a target is what the code takes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from fastgw.wire.errors import WireError
from fastgw.wire.target import split_target

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "security.md").read_text()
WORDS = {
    "space": [0x20],
    "controls": [*range(0x20), 0x7F],
    "bytes beyond ASCII": range(0x80, 0x100),
}


def rows() -> list[tuple[list[bytes], str, str]]:
    """What each row is about, as it stands in a target, and what becomes of it in a path and in a query."""
    section = PAGE.partition("\n#### Characters\n")[2].partition("\n#")[0]
    found = []
    for line in section.splitlines():
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if not cells or cells[0] in ("in the target", "---"):
            continue
        texts: list[bytes] = []
        for double, single in re.findall(r"`` (.+?) ``|`([^`]+)`", cells[0]):
            text = (double or single).replace("\\|", "|")
            if re.fullmatch(r"\w-\w", text):
                texts += [bytes([byte]) for byte in range(ord(text[0]), ord(text[2]) + 1)]
            else:
                texts.append(text.encode())
        for word, group in WORDS.items():
            if re.search(rf"\b{word}\b", cells[0]):
                texts += [bytes([byte]) for byte in group]
        found.append((texts, cells[1], cells[2]))
    return found


def becomes(before: bytes, text: bytes, behind: bytes, part: int) -> str:
    """What the code makes of ``text`` in the path (``part`` 0) or query (1) of a target."""
    try:
        found = split_target(before + text + behind)
    except WireError as error:
        return str(error.status)
    if found[part] == (b"/a" if part == 0 else b"?a") + text + behind:
        return "passes"
    return "ends it" if found[1] and not part else "normal form"


def test_every_byte_has_one_row() -> None:
    texts = [text for row in rows() for text in row[0]]
    assert sorted(text for text in texts if len(text) == 1) == [
        bytes([byte]) for byte in range(256) if byte != ord("%")
    ]
    assert len([text for text in texts if len(text) == 3]) >= 3
    assert len(set(texts)) == len(texts)


@pytest.mark.parametrize("row", rows(), ids=lambda row: row[0][0].decode("latin-1"))
def test_each_row_is_what_the_code_does(row: tuple[list[bytes], str, str]) -> None:
    texts, in_path, in_query = row
    for text in texts:
        assert becomes(b"/a", text, b"z", 0) == in_path, text
        assert becomes(b"/?a", text, b"z", 1) == in_query, text
