"""The runtime by ``ctypes``: what ``_binding.pyx`` does in C, for installations without a compiler, and to check it by.

Speaks the C interface of wasmtime (``wasmtime.h`` of ``library.VERSION``) as far as it is needed, with functions that are not checked
(``_unchecked``): whoever calls has compared the signatures when the module was linked.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from ctypes import byref, c_uint8, c_void_p
from typing import Any, Final

from fastgw.wasm._library_py import (
    CALLBACK,
    EXTERN_FUNC,
    EXTERN_MEMORY,
    FINALIZER,
    KINDS,
    ByteVector,
    ExternRef,
    FuncRef,
    InstanceRef,
    RawValue,
    declared,
)
from fastgw.wasm.library import has_room, may_execute
from fastgw.wasm.sections import HostFunction
from fastgw.wasm.traps import WasmError, WasmTrap, cause_of, words_of

FRAMES_MAX: Final = 5  #: of a trap that are told
_STACK: Final = 512 << 10  #: bytes of a module's own stack
_ARGS_MAX: Final = 16
_MASK: Final = 0xFFFFFFFF


class WasmEngine:
    """The compiler, and the memory that instances are made in."""

    def __init__(self, instances: int, memory: int, elements: int) -> None:
        """``instances``: how many there may be at once; 0: no memory is set aside, and they are slower made.  ``memory``: bytes that one
        may have at most; ``elements``: of its tables.

        Raises:
            ImportError: the runtime is not installed, or another one.
            WasmError: it does not start, as there is no address space for so much.
        """
        c = self.c = declared()
        if not has_room(instances):
            raise WasmError(f"there is no address space for {instances} instances (ulimit -v, LimitAS=)")
        config = c.wasm_config_new()
        c.wasmtime_config_consume_fuel_set(config, True)
        c.wasmtime_config_epoch_interruption_set(config, True)
        c.wasmtime_config_max_wasm_stack_set(config, _STACK)
        for off in (
            *("wasm_threads", "wasm_relaxed_simd", "wasm_memory64", "wasm_multi_memory", "wasm_gc", "gc_support"),
            *("wasm_function_references", "wasm_exceptions", "wasm_stack_switching"),
            *("parallel_compilation", "native_unwind_info"),
        ):
            getattr(c, f"wasmtime_config_{off}_set")(config, False)
        self.is_interpreter = not may_execute()  #: modules are interpreted
        if self.is_interpreter:
            self.check(c.wasmtime_config_target_set(config, b"pulley64"))  # the runtime's own code, for any processor
        if instances:
            self._pool(config, instances, memory, elements)
        self.pointer = c.wasm_engine_new_with_config(config)

    def _pool(self, config: Any, instances: int, memory: int, elements: int) -> None:
        pool = self.c.wasmtime_pooling_allocation_config_new()
        numbers = {
            "total_core_instances": instances,
            "total_memories": instances,
            "total_tables": instances,
            "total_stacks": 0,
            "total_gc_heaps": 0,
            "max_tables_per_module": 1,
            "max_memories_per_module": 1,
            "max_memory_size": memory,
            "table_elements": elements,
            "max_core_instance_size": 1 << 20,
            "linear_memory_keep_resident": 64 << 10,
            "table_keep_resident": 16 << 10,
        }
        for name, number in numbers.items():
            getattr(self.c, f"wasmtime_pooling_allocation_config_{name}_set")(pool, number)
        self.c.wasmtime_pooling_allocation_strategy_set(config, pool)
        self.c.wasmtime_pooling_allocation_config_delete(pool)

    def compile(self, data: bytes) -> bytes:
        """The code of the module ``data``, the machine's or the interpreter's, in the form that ``load`` takes.

        Raises:
            WasmError: it does not validate.
        """
        module, vector = c_void_p(), ByteVector()
        self.check(self.c.wasmtime_module_new(self.pointer, data, len(data), byref(module)))
        try:
            self.check(self.c.wasmtime_module_serialize(module, byref(vector)))
        finally:
            self.c.wasmtime_module_delete(module)
        return self.taken(vector)

    def load(self, code: bytes) -> int:
        """A module of what ``compile`` has made; nothing else may ever come here, as it is run as it is.

        Raises:
            WasmError: another version has made it, or for another kind of engine.
        """
        module = c_void_p()
        self.check(self.c.wasmtime_module_deserialize(self.pointer, code, len(code), byref(module)))
        return int(module.value or 0)

    def tick(self) -> None:
        """Let the clock of all calls go on by one."""
        self.c.wasmtime_engine_increment_epoch(self.pointer)

    def check(self, error: int | None) -> None:
        """Raise WasmError of an ``error`` of the runtime."""
        if error:
            vector = ByteVector()
            self.c.wasmtime_error_message(error, byref(vector))
            self.c.wasmtime_error_delete(error)
            raise WasmError(words_of(self.taken(vector).decode("utf-8", "replace")))

    def taken(self, vector: ByteVector) -> bytes:
        """The bytes of ``vector``, which is deleted."""
        data = ctypes.string_at(vector.data, vector.size) if vector.size else b""
        self.c.wasm_byte_vec_delete(byref(vector))
        return data


class _Calls:
    """What a module imports, called by it.  It does not know the module: one that is left is gone at once, without a collector."""

    def __init__(self, functions: Sequence[HostFunction], c: Any) -> None:
        self.functions = tuple(functions)
        self.owner: Any = None  #: of the instance that is running
        self.raised: BaseException | None = None  #: by a host function, which ended the call
        self._c = c

    def called(self, index: int | None, caller: int, values: Any, size: int) -> int | None:
        """A host function is called; None, or a trap that ends the call."""
        one = self.functions[index or 0]
        try:
            params = one.signature.params
            args = [values[i].i32 if params[i] == "i" else values[i].i64 for i in range(len(params))]
            result = one.call(self.owner, *args)
        except BaseException as error:  # noqa: BLE001 - nothing may be raised through the runtime; ``run`` raises it
            self.raised = error
            return int(self._c.wasmtime_trap_new(b"host", 4))
        if result is not None:
            values[0].i32 = result & _MASK
        return None


class WasmModule:
    """A module with what it imports: ready to be instances."""

    def __init__(
        self, engine: WasmEngine, code: bytes, functions: Sequence[HostFunction], exports: Sequence[str], memory: str
    ) -> None:
        """``code``: of ``WasmEngine.compile``; ``functions``: all that it imports; ``exports``: names of functions that will be called, by
        their place; ``memory``: the name of its memory.

        Raises:
            WasmError: it cannot be linked.
        """
        self.engine = engine
        self.names = tuple(name.encode() for name in exports)
        self.memory = memory.encode()
        c = engine.c
        self.calls = _Calls(functions, c)
        self._callback = CALLBACK(self.calls.called)  # kept as long as the linked module may call it
        module, self._pre = engine.load(code), c_void_p()
        linker = c.wasmtime_linker_new(engine.pointer)
        try:
            for index, one in enumerate(self.calls.functions):
                self._define(linker, index, one)
            engine.check(c.wasmtime_linker_instantiate_pre(linker, module, byref(self._pre)))
        finally:
            c.wasmtime_linker_delete(linker)
            c.wasmtime_module_delete(module)

    def __del__(self) -> None:
        pre: Any = getattr(self, "_pre", None)
        self._pre = c_void_p()
        if pre:
            self.engine.c.wasmtime_instance_pre_delete(pre)

    def _define(self, linker: int, index: int, one: HostFunction) -> None:
        c = self.engine.c
        kinds = []
        for letters in one.signature:
            vector = ByteVector()
            types = (c_void_p * max(len(letters), 1))(*[c.wasm_valtype_new(KINDS[letter]) for letter in letters])
            c.wasm_valtype_vec_new(byref(vector), len(letters), types)
            kinds.append(vector)
        functype = c.wasm_functype_new(byref(kinds[0]), byref(kinds[1]))
        module, name = one.module.encode(), one.name.encode()
        error = c.wasmtime_linker_define_func_unchecked(
            *(linker, module, len(module), name, len(name), functype, self._callback, index, FINALIZER(0))
        )
        c.wasm_functype_delete(functype)
        self.engine.check(error)


class WasmInstance:
    """One instance, with a store of its own: nothing of it is left when it is closed."""

    def __init__(self, module: WasmModule, owner: Any, memory: int, elements: int, fuel: int, ticks: int) -> None:
        """``owner``: what host functions are called with.  ``memory``, ``elements``: bytes and places of tables that it may have; ``fuel``:
        instructions, ``ticks``: of the clock, that making it, and each call, may take.

        Raises:
            WasmTrap: its start function traps, or there are too many.
        """
        self.module = module
        self.owner = owner
        self._fuel = fuel
        self._ticks = ticks
        c = self._c = module.engine.c
        self._store = c.wasmtime_store_new(module.engine.pointer, None, FINALIZER(0))
        c.wasmtime_store_limiter(self._store, memory, elements, 1, 1, 1)
        self._context = c.wasmtime_store_context(self._store)
        self._slots: list[FuncRef | None] = [None] * len(module.names)
        self._trap = c_void_p()
        self._made = InstanceRef()
        try:
            self._run(
                lambda: c.wasmtime_instance_pre_instantiate(
                    module._pre,
                    self._context,
                    byref(self._made),
                    byref(self._trap),
                )
            )
            self._memory = self._export(module.memory, EXTERN_MEMORY).memory
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Forget it."""
        store, self._store = self._store, None
        if store:
            self._c.wasmtime_store_delete(store)

    def call(self, slot: int, *args: int) -> int:
        """Call the export of this place with ``args``; what it returns, 0 where it returns nothing.

        Raises:
            WasmTrap: it did not return.
        """
        func, values = self._prepared(slot, args)
        self._run(
            lambda: self._c.wasmtime_func_call_unchecked(
                self._context, byref(func), values, _ARGS_MAX, byref(self._trap)
            )
        )
        return int(values[0].i32)

    def nested(self, slot: int, *args: int) -> int:
        """The same while a call is under way, of which it takes the fuel and the time."""
        func, values = self._prepared(slot, args)
        trap = c_void_p()
        error = self._c.wasmtime_func_call_unchecked(self._context, byref(func), values, _ARGS_MAX, byref(trap))
        self._end(error, trap)
        return int(values[0].i32)

    def _prepared(self, slot: int, args: tuple[int, ...]) -> tuple[FuncRef, Any]:
        """The export, and room for its arguments, with these in it, and its result."""
        self._refuse_closed()
        func = self._slots[slot]
        if func is None:
            found: FuncRef = self._export(self.module.names[slot], EXTERN_FUNC).func
            func = self._slots[slot] = found
        values = (RawValue * _ARGS_MAX)()
        for index, value in enumerate(args):
            values[index].i64 = value
        return func, values

    def read(self, place: int, size: int) -> bytes | None:
        """``size`` bytes of its memory; None: they are not all in it."""
        self._refuse_closed()
        if place + size > self._c.wasmtime_memory_data_size(self._context, byref(self._memory)):
            return None
        return ctypes.string_at(self._c.wasmtime_memory_data(self._context, byref(self._memory)) + place, size)

    def write(self, place: int, data: bytes) -> bool:
        """Write ``data`` into its memory; False: there is no room."""
        self._refuse_closed()
        if place + len(data) > self._c.wasmtime_memory_data_size(self._context, byref(self._memory)):
            return False
        ctypes.memmove(self._c.wasmtime_memory_data(self._context, byref(self._memory)) + place, data, len(data))
        return True

    def _refuse_closed(self) -> None:
        if not self._store:
            raise ValueError("the instance is closed")

    # --- what ends a call

    def _run(self, call: Callable[[], int | None]) -> None:
        module, c = self.module, self._c
        c.wasmtime_context_set_fuel(self._context, self._fuel)
        c.wasmtime_context_set_epoch_deadline(self._context, self._ticks)
        calls = module.calls
        before, calls.owner = calls.owner, self.owner
        try:
            error = call()
        finally:
            calls.owner = before
        self._end(error, self._trap)

    def _end(self, error: int | None, trap: c_void_p) -> None:
        if not error and not trap.value:
            return
        calls = self.module.calls
        raised, calls.raised = calls.raised, None
        try:
            if error:
                self.module.engine.check(error)
        except WasmError as problem:
            cause = "instances" if "concurrent" in str(problem) else "memory" if "memory" in str(problem) else "trap"
            raise raised or WasmTrap(str(problem), cause) from None
        told = self._told(trap)
        raise raised if raised is not None else told

    def _told(self, trap: c_void_p) -> WasmTrap:
        """What ``trap`` says, which is deleted."""
        c = self._c
        message, code, frames = ByteVector(), c_uint8(), ByteVector()
        c.wasm_trap_message(trap, byref(message))
        text = self.module.engine.taken(message).decode("utf-8", "replace")
        has_code = c.wasmtime_trap_code(trap, byref(code))
        c.wasm_trap_trace(trap, byref(frames))
        names = []
        for frame in (c_void_p * frames.size).from_address(frames.data)[:FRAMES_MAX] if frames.size else ():
            name = c.wasmtime_frame_func_name(frame)
            vector = ByteVector.from_address(name) if name else None
            text_of = ctypes.string_at(vector.data, vector.size).decode("utf-8", "replace") if vector else ""
            names.append(text_of or f"function {c.wasm_frame_func_index(frame)}")
        c.wasm_frame_vec_delete(byref(frames))
        c.wasm_trap_delete(trap)
        trap.value = None
        return WasmTrap(words_of(text), cause_of(code.value if has_code else None), tuple(names))

    def _export(self, name: bytes, kind: int) -> Any:
        found = ExternRef()
        if not self._c.wasmtime_instance_export_get(self._context, byref(self._made), name, len(name), byref(found)):
            raise WasmError(f"does not export {name.decode()}")
        if found.kind != kind:
            raise WasmError(f"exports {name.decode()} as something else")
        return found.of
