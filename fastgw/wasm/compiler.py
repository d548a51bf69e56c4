"""A process in which a module is compiled, and tried: ``python -m fastgw.wasm.compiler``.

Compiling takes time and memory in proportion to what somebody else has written, and cannot be stopped within a process; so it has one of
its own, which is ended when it takes too long, and whose memory is bounded.  There the module also becomes one instance, with its
configuration, under the bounds that it will have: what cannot begin is refused by ``fastgw check``, and no worker sees it.

What comes back is machine code, which workers load as it is: they compile nothing.
"""

from __future__ import annotations

import hashlib
import pickle  # nosec B403: between this process and its child, which runs what is in this file
import sys
from typing import TYPE_CHECKING, Final, NamedTuple

from fastgw.wasm.guest import WasmGuest
from fastgw.wasm.program import WasmBounds, WasmProgram, WasmRuntime, refusal
from fastgw.wasm.sections import Sections, read_sections
from fastgw.wasm.shared import SharedData
from fastgw.wasm.traps import WasmError, WasmTrap

if TYPE_CHECKING:
    import subprocess  # nosec B404: as below

WITHIN: Final = 30.0  #: seconds to compile a module and try it
_MEMORY_MAX: Final = 2 << 30  #: bytes that may be written meanwhile
_KEPT_MAX: Final = 8  #: what was compiled last, so that the next load need not

_ASKS_FOR_TICKS: Final = "asks for ticks, which no filter is told here"
_IS_INTERPRETED: Final = " ".join(
    [
        "is interpreted, which takes several times as long: no memory may be made executable here;",
        "under systemd the drop-in jit.conf allows it",
    ]
)

_kept: dict[bytes, Compiled] = {}


class CompilerProcesses:
    """Processes in which something is compiled now."""

    def __init__(self) -> None:
        self._running: set[subprocess.Popen[bytes]] = set()
        self._is_over = False

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self._running)

    def ask(self, command: list[str], data: bytes, seconds: float) -> tuple[bytes, bytes, int]:
        """Run one; return what it has said on both of its outputs, and how it has ended.

        Raises:
            subprocess.TimeoutExpired: it took longer than so many ``seconds``.
            WasmError: nothing is compiled any more.
        """
        import subprocess  # nosec B404: this file, without a shell; here, as few configurations have modules

        pipe = subprocess.PIPE
        with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe) as process:  # nosec B603: our own words
            self._running.add(process)
            try:
                if self._is_over:
                    raise WasmError("is not compiled: the gateway ends")
                said, complained = process.communicate(data, seconds)
            finally:
                process.kill()  # one that has ended is left alone
                self._running.discard(process)
        return said, complained, process.returncode

    def end(self) -> None:
        """End them, and those that may come: who compiles for a gateway that ends would hold it up."""
        self._is_over = True
        for process in tuple(self._running):
            process.kill()


COMPILERS: Final = CompilerProcesses()  #: those of this process


class ToCompile(NamedTuple):
    """What is to be compiled."""

    name: str  #: of the filter
    module: bytes
    bounds: WasmBounds
    configuration: bytes
    vm_configuration: bytes
    root_id: str
    vm_id: str
    shared_data: int


class Compiled(NamedTuple):
    """What came of it."""

    code: bytes
    sections: Sections
    warnings: tuple[str, ...]  #: what an operator should know, behind the name of the file


def compiled(asked: ToCompile) -> Compiled:
    """The module as machine code, tried with its configuration.

    Raises:
        WasmError: why it cannot be a filter, in words for the operator.
    """
    key = hashlib.sha256(pickle.dumps(asked)).digest()
    found = _kept.pop(key, None)
    if found is None:
        found = _compiled_apart(asked)
    _kept[key] = found  # the last that was used is the last that goes
    while len(_kept) > _KEPT_MAX:
        del _kept[next(iter(_kept))]
    return found


def _compiled_apart(asked: ToCompile) -> Compiled:
    import subprocess  # nosec B404: as above

    try:
        answer, complained, code = COMPILERS.ask(
            [sys.executable, "-m", "fastgw.wasm.compiler"], pickle.dumps(asked), WITHIN
        )
    except subprocess.TimeoutExpired:
        raise WasmError(f"is not compiled within {WITHIN:.0f} s") from None
    if code or not answer:
        said = complained.decode("utf-8", "replace").strip().splitlines()
        raise WasmError(f"cannot be compiled: {said[-1] if said else f'the compiler ended with {code}'}")
    found = pickle.loads(answer)  # nosec B301: as above
    if isinstance(found, str):
        raise WasmError(found)
    compiled: Compiled = found
    return compiled


def compile_here(asked: ToCompile, runtime: WasmRuntime) -> Compiled:
    """The same in this process.

    Raises:
        WasmError: as ``compiled``.
    """
    try:
        code = runtime.engine.compile(asked.module)
    except WasmError as error:
        raise WasmError(f"does not validate: {error}") from None
    sections = read_sections(asked.module)
    problem = refusal(sections, asked.bounds.memory, asked.bounds.elements)
    if problem:
        raise WasmError(problem)
    return Compiled(code, sections, _tried(asked, runtime, code, sections))


def _tried(asked: ToCompile, runtime: WasmRuntime, code: bytes, sections: Sections) -> tuple[str, ...]:
    """Make it one guest; what an operator should know of it."""
    try:
        program = WasmProgram(
            *(runtime, asked.name, code, sections, asked.bounds),
            configuration=asked.configuration,
            vm_configuration=asked.vm_configuration,
            root_id=asked.root_id,
            vm_id=asked.vm_id,
            shared=SharedData(asked.shared_data),
        )
        guest = WasmGuest(program, None)
    except WasmTrap as trap:
        raise WasmError(f"does not begin: {trap}") from None
    guest.close()
    told = ((guest.asks_for_ticks, _ASKS_FOR_TICKS), (runtime.engine.is_interpreter, _IS_INTERPRETED))
    return tuple(words for is_so, words in told if is_so)


def main() -> None:
    """Read what is asked from standard input, write what came of it to standard output."""
    import resource

    resource.setrlimit(resource.RLIMIT_DATA, (_MEMORY_MAX, _MEMORY_MAX))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    asked: ToCompile = pickle.load(sys.stdin.buffer)  # nosec B301: from the process that began this one
    found: Compiled | str
    try:
        found = compile_here(asked, WasmRuntime(0))
    except (ImportError, WasmError) as error:
        found = str(error)
    sys.stdout.buffer.write(pickle.dumps(found))


if __name__ == "__main__":
    from fastgw.wasm import compiler  # by its name: what is pickled names its classes so

    compiler.main()
