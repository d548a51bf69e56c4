"""What the file says of a filter of type ``wasm``."""

import os
import stat
from typing import Annotated, Any, ClassVar, Final, Literal

from fastgw.config.filters.entry import FilterOptions
from fastgw.config.model import setting
from fastgw.config.source import Document, TreePath
from fastgw.config.types import Parsed, PositiveDuration, ReadFile, count, size, words
from fastgw.config.unsound import is_unsound
from fastgw.config.values import text
from fastgw.wasm.interface import LEVELS
from fastgw.wasm.library import library_problem
from fastgw.wasm.traps import WasmError

MODULE_MAX: Final = 16 << 20  #: bytes of a module
ELEMENTS: Final = 65536  #: places in its tables
_CONFIGURATION_MAX: Final = 64 << 10


def _given_to_guest(value: object) -> object:
    """Parser of what a module is configured with: text as it is, anything else as JSON."""
    from fastgw.config.answers import json_text  # which imports the registry of filters

    found: Any = (str(value).encode() if value else b"") if isinstance(value, str) else json_text(value)
    if isinstance(found, bytes) and len(found) > _CONFIGURATION_MAX:
        raise ValueError(f"has more than {_CONFIGURATION_MAX >> 10} KiB")
    return found


_Configuration = Annotated[bytes, Parsed(_given_to_guest, type=["string", "object", "array"])]


def _content(path: str) -> bytes:
    """At most a byte more than a module may have.  It waits for no writer of a pipe, and reads of nothing but regular files."""
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise ValueError("it is no regular file")
        with open(fd, "rb", closefd=False) as file:
            return file.read(MODULE_MAX + 1)
    finally:
        os.close(fd)


class Wasm(FilterOptions):
    """Shows requests and answers to a module of WebAssembly, by proxy-wasm."""

    made_by: ClassVar[str] = "fastgw.filters.wasm:WasmFilter"
    type: Literal["wasm"] = setting(..., "wasm")
    module: ReadFile = setting(..., "The module, a .wasm file; read at each load.")
    configuration: _Configuration = setting("", "What it is configured with: text as it is, anything else as JSON.")
    vm_configuration: _Configuration = setting("", "What it is started with, likewise.")
    root_id: Annotated[str, Parsed(text("a name", longest=100), type="string")] = setting(
        "", "Which of the filters in the module it is, where there are several (plugin_root_id)."
    )
    vm_id: Annotated[str, Parsed(text("a name", longest=100), type="string")] = setting(
        "", "Filters of the same share data. Default: the name of the filter."
    )
    fuel: Annotated[int, count(1000, 10_000_000_000)] = setting(
        10_000_000, "Instructions, about, that one call of it may take."
    )
    time: PositiveDuration = setting("100ms", "Time that one call of it may take.")
    memory: Annotated[int, size(65536, 64 << 20)] = setting("16MiB", "Memory that one instance may have.")
    max_body: Annotated[int, size(0, 1 << 30)] = setting(
        "1MiB", "Bytes of a body that may be held for it; more are 413."
    )
    max_instances: Annotated[int, count(1, 1000)] = setting(
        256, "Exchanges that one worker has with it at one time; for others it fails."
    )
    max_copied: Annotated[int, size(1024, 1 << 30)] = setting(
        "16MiB", "Bytes that one call of it may have the gateway copy; each function that it calls counts as 256."
    )
    shared_data: Annotated[int, size(0, 64 << 20)] = setting(
        "1MiB", "Bytes that its exchanges may share in one worker."
    )
    log_level: Annotated[str, words(*LEVELS)] = setting("info", "The least of its lines that are written.")
    max_lines: Annotated[int, count(0, 1000)] = setting(16, "Lines that it may write for one exchange.")

    def given(self) -> dict[str, Any]:
        """With machine code in the place of the file.

        Raises:
            ValueError: there is none, in words for the operator.
        """
        found = self._compiled()  # which is kept from the check
        sections = found.sections
        told = (
            tuple((one.module, one.name, one.kind, tuple(one.signature or ("", ""))) for one in sections.imports),
            tuple((name, tuple(of)) for name, of in sections.exports.items()),
            *sections[2:],
        )
        options: dict[str, Any] = {"code": found.code, "sections": told}
        options |= {
            key: getattr(self, key) for key in ("configuration", "vm_configuration", "root_id", "vm_id", "shared_data")
        }
        options.update(self._bounds()._asdict())
        return options

    def does(self) -> str:
        """Which module."""
        return f"shows requests and answers to {self.module.rpartition('/')[2]}"

    def check(self, document: Document, where: TreePath) -> None:
        """The module can be compiled, and begins with its configuration."""
        problem = library_problem()
        if problem:
            document.report((*where, "type"), problem)
            return
        numbers = (self.fuel, self.time, self.memory, self.max_body, self.max_instances, self.max_copied)
        if is_unsound(self.module, self.configuration, self.vm_configuration, self.vm_id, self.shared_data, *numbers):
            return
        if is_unsound(self.root_id, self.log_level, self.max_lines):
            return
        try:
            for warning in self._compiled().warnings:
                document.warn((*where, "module"), f"{self.module} {warning}")
        except ValueError as error:
            document.report((*where, "module"), str(error))

    def _bounds(self) -> Any:
        from fastgw.wasm.program import WasmBounds  # with the runtime, which few configurations need

        return WasmBounds(
            fuel=self.fuel,
            time=self.time,
            memory=self.memory,
            elements=ELEMENTS,
            copied=self.max_copied,
            max_body=self.max_body,
            instances=self.max_instances,
            logs=self.max_lines,
            log_level=LEVELS.index(self.log_level),
        )

    def _compiled(self) -> Any:
        from fastgw.wasm.compiler import ToCompile, compiled  # as above

        try:
            data = _content(self.module)
        except (OSError, ValueError) as error:
            raise ValueError(f"{self.module} cannot be read: {getattr(error, 'strerror', None) or error}") from None
        if len(data) > MODULE_MAX:
            raise ValueError(f"{self.module} has more than {MODULE_MAX >> 20} MiB")
        try:
            return compiled(
                ToCompile(
                    *("", data, self._bounds(), self.configuration, self.vm_configuration),
                    *(self.root_id, self.vm_id, self.shared_data),
                )
            )
        except WasmError as error:
            raise ValueError(f"{self.module} {error}") from None
