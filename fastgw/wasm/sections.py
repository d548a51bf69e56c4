"""What a module of WebAssembly says of itself: what it imports and exports, and how large its memory and tables are.

Reads the binary format (WebAssembly 2.0, section 5) as far as that is needed, of modules that the runtime has validated already: what
cannot be read is an error all the same, and no bytes make it read beyond them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple, TypeVar

from fastgw.wasm.traps import WasmError

_MAGIC: Final = b"\0asm\x01\0\0\0"
_TYPES, _IMPORTS, _FUNCTIONS, _TABLES, _MEMORIES, _EXPORTS, _START = 1, 2, 3, 4, 5, 7, 8
FUNCTION, TABLE, MEMORY, GLOBAL = range(4)  #: kinds of what is imported and exported
_T = TypeVar("_T")
_LETTERS: Final = {0x7F: "i", 0x7E: "I", 0x7D: "f", 0x7C: "F"}  #: i32, i64, f32, f64; anything else is "?"


class Signature(NamedTuple):
    """What a function takes and returns: a letter for each, ``i`` i32, ``I`` i64, ``f`` f32, ``F`` f64, ``?`` anything else."""

    params: str
    results: str

    def __str__(self) -> str:
        return f"({self.params}) -> ({self.results})"


class Imported(NamedTuple):
    """One import; ``signature`` is None of what is no function."""

    module: str
    name: str
    kind: int
    signature: Signature | None


class HostFunction(NamedTuple):
    """What a module can import: called with the owner of the instance and the arguments, as unsigned numbers."""

    module: str
    name: str
    signature: Signature
    call: Callable[..., int | None]


class Sections(NamedTuple):
    """What there is to know."""

    imports: tuple[Imported, ...]
    exports: dict[str, Signature]  #: functions by name
    memories: tuple[str, ...]  #: names of the memories that are exported
    pages: int  #: of 64 KiB that its memory begins with; 0: it has none
    elements: int  #: that its tables begin with, in all
    has_start: bool  #: something runs while it is made an instance


class _SectionReader:
    """Bytes, and how many are read."""

    def __init__(self, data: bytes, place: int, end: int) -> None:
        self.data = data
        self.place = place
        self.end = end

    def byte(self) -> int:
        """The next one."""
        if self.place >= self.end:
            raise WasmError("is no module: it ends in the middle of a section")
        self.place += 1
        return self.data[self.place - 1]

    def number(self) -> int:
        """An unsigned LEB128."""
        value = shift = 0
        while True:
            one = self.byte()
            value |= (one & 0x7F) << shift
            if one < 0x80:
                return value
            shift += 7
            if shift > 63:
                raise WasmError("is no module: it has a number that never ends")

    def take(self, size: int) -> bytes:
        """The next ``size``."""
        if size > self.end - self.place:
            raise WasmError("is no module: it ends in the middle of a section")
        self.place += size
        return self.data[self.place - size : self.place]

    def name(self) -> str:
        """Text."""
        return self.take(self.number()).decode("utf-8", "replace")

    def limits(self) -> int:
        """Of a memory or table: with how much it begins."""
        flags = self.byte()
        least = self.number()
        if flags & 1:
            self.number()
        return least


def read_sections(data: bytes) -> Sections:
    """What the module ``data`` says of itself.

    Raises:
        WasmError: it cannot be read.
    """
    if not data.startswith(_MAGIC):
        is_component = data[:4] == _MAGIC[:4]
        raise WasmError("is a component, and no module" if is_component else "is no module of WebAssembly")
    types: list[Signature] = []
    imports: list[Imported] = []
    functions: list[int] = []  #: the types of all functions, those imported first
    exports: dict[str, Signature] = {}
    memories: list[str] = []
    pages = elements = 0
    has_start = False
    reader = _SectionReader(data, len(_MAGIC), len(data))
    while reader.place < reader.end:
        kind, size = reader.byte(), reader.number()
        section = _SectionReader(data, reader.place, reader.place + size)
        reader.take(size)
        if kind == _TYPES:
            types = _read_types(section)
        elif kind == _IMPORTS:
            imports += [_read_import(section, types, functions) for _ in range(section.number())]
        elif kind == _FUNCTIONS:
            functions += [section.number() for _ in range(section.number())]
        elif kind == _TABLES:
            elements += sum(_read_table(section) for _ in range(section.number()))
        elif kind == _MEMORIES:
            pages += sum(section.limits() for _ in range(section.number()))
        elif kind == _EXPORTS:
            for _ in range(section.number()):
                name, what, index = section.name(), section.byte(), section.number()
                if what == FUNCTION:
                    exports[name] = _at(types, _at(functions, index))
                elif what == MEMORY:
                    memories.append(name)
        elif kind == _START:
            has_start = True
    return Sections(tuple(imports), exports, tuple(memories), pages, elements, has_start)


def _at(items: list[_T], index: int) -> _T:
    if index >= len(items):
        raise WasmError("is no module: it names what it has not")
    return items[index]


def _read_types(section: _SectionReader) -> list[Signature]:
    """All of them; what is no plain function type is none that a call here could have, and ends the reading."""
    types: list[Signature] = []
    for _ in range(section.number()):
        if section.byte() != 0x60:
            raise WasmError("has types of a proposal that is switched off here")
        types.append(Signature(_read_values(section), _read_values(section)))
    return types


def _read_values(section: _SectionReader) -> str:
    return "".join([_LETTERS.get(section.byte(), "?") for _ in range(section.number())])


def _read_table(section: _SectionReader) -> int:
    if section.byte() == 0x40:  # one with an expression behind it, of a proposal that is switched off
        raise WasmError("has a table of a proposal that is switched off here")
    return section.limits()


def _read_import(section: _SectionReader, types: list[Signature], functions: list[int]) -> Imported:
    module, name, kind = section.name(), section.name(), section.byte()
    signature = None
    if kind == FUNCTION:
        functions.append(section.number())
        signature = _at(types, functions[-1])
    elif kind == TABLE:
        _read_table(section)
    elif kind == MEMORY:
        section.limits()
    else:
        section.take(2)
    return Imported(module, name, kind, signature)
