"""The library of the runtime as ``ctypes`` has it: its structures, and the types of what is called of it (``wasmtime.h``)."""

from __future__ import annotations

import ctypes
from ctypes import (
    POINTER,
    Structure,
    Union,
    c_bool,
    c_char_p,
    c_int64,
    c_size_t,
    c_uint8,
    c_uint32,
    c_uint64,
    c_void_p,
)
from typing import Any, Final

from fastgw.wasm.library import library_path


class RawValue(Union):
    """A ``wasmtime_val_raw_t``."""

    _fields_ = (("i32", c_uint32), ("i64", c_uint64), ("v128", c_uint64 * 2))


class ByteVector(Structure):
    """A ``wasm_byte_vec_t``, and what else is one."""

    _fields_ = (("size", c_size_t), ("data", c_void_p))


class FuncRef(Structure):
    """A ``wasmtime_func_t``."""

    _fields_ = (("store", c_uint64), ("private", c_void_p))


class _OfMemory(Structure):
    _fields_ = (("store", c_uint64), ("private", c_uint32))


class MemoryRef(Structure):
    """A ``wasmtime_memory_t``."""

    _fields_ = (("of", _OfMemory), ("private", c_uint32))


class _ExternOf(Union):
    _fields_ = (("func", FuncRef), ("memory", MemoryRef), ("room", c_uint64 * 3))


class ExternRef(Structure):
    """A ``wasmtime_extern_t``."""

    _fields_ = (("kind", c_uint8), ("of", _ExternOf))


class InstanceRef(Structure):
    """A ``wasmtime_instance_t``."""

    _fields_ = (("store", c_uint64), ("private", c_size_t))


EXTERN_FUNC, EXTERN_MEMORY = 0, 3
KINDS: Final = {"i": 0, "I": 1, "f": 2, "F": 3}
CALLBACK: Final = ctypes.CFUNCTYPE(c_void_p, c_void_p, c_void_p, POINTER(RawValue), c_size_t)
FINALIZER: Final = ctypes.CFUNCTYPE(None, c_void_p)
_P: Final = c_void_p
_DECLARED: Final[dict[str, tuple[Any, tuple[Any, ...]]]] = {
    "wasm_config_new": (_P, ()),
    "wasm_engine_new_with_config": (_P, (_P,)),
    "wasm_engine_delete": (None, (_P,)),
    "wasm_functype_new": (_P, (_P, _P)),
    "wasm_functype_delete": (None, (_P,)),
    "wasm_valtype_new": (_P, (c_uint8,)),
    "wasm_valtype_vec_new": (None, (_P, c_size_t, _P)),
    "wasm_byte_vec_delete": (None, (_P,)),
    "wasm_frame_vec_delete": (None, (_P,)),
    "wasm_frame_func_index": (c_uint32, (_P,)),
    "wasm_trap_message": (None, (_P, _P)),
    "wasm_trap_trace": (None, (_P, _P)),
    "wasm_trap_delete": (None, (_P,)),
    "wasmtime_config_target_set": (_P, (_P, c_char_p)),
    "wasmtime_config_consume_fuel_set": (None, (_P, c_bool)),
    "wasmtime_config_epoch_interruption_set": (None, (_P, c_bool)),
    "wasmtime_config_max_wasm_stack_set": (None, (_P, c_size_t)),
    "wasmtime_config_wasm_threads_set": (None, (_P, c_bool)),
    "wasmtime_config_wasm_relaxed_simd_set": (None, (_P, c_bool)),
    "wasmtime_config_wasm_memory64_set": (None, (_P, c_bool)),
    "wasmtime_config_wasm_multi_memory_set": (None, (_P, c_bool)),
    "wasmtime_config_gc_support_set": (None, (_P, c_bool)),
    "wasmtime_config_wasm_gc_set": (None, (_P, c_bool)),
    "wasmtime_config_wasm_function_references_set": (None, (_P, c_bool)),
    "wasmtime_config_wasm_exceptions_set": (None, (_P, c_bool)),
    "wasmtime_config_wasm_stack_switching_set": (None, (_P, c_bool)),
    "wasmtime_config_parallel_compilation_set": (None, (_P, c_bool)),
    "wasmtime_config_native_unwind_info_set": (None, (_P, c_bool)),
    "wasmtime_pooling_allocation_config_new": (_P, ()),
    "wasmtime_pooling_allocation_config_delete": (None, (_P,)),
    "wasmtime_pooling_allocation_config_total_core_instances_set": (None, (_P, c_uint32)),
    "wasmtime_pooling_allocation_config_total_memories_set": (None, (_P, c_uint32)),
    "wasmtime_pooling_allocation_config_total_tables_set": (None, (_P, c_uint32)),
    "wasmtime_pooling_allocation_config_total_stacks_set": (None, (_P, c_uint32)),
    "wasmtime_pooling_allocation_config_total_gc_heaps_set": (None, (_P, c_uint32)),
    "wasmtime_pooling_allocation_config_max_tables_per_module_set": (None, (_P, c_uint32)),
    "wasmtime_pooling_allocation_config_max_memories_per_module_set": (None, (_P, c_uint32)),
    "wasmtime_pooling_allocation_config_max_memory_size_set": (None, (_P, c_size_t)),
    "wasmtime_pooling_allocation_config_table_elements_set": (None, (_P, c_size_t)),
    "wasmtime_pooling_allocation_config_max_core_instance_size_set": (None, (_P, c_size_t)),
    "wasmtime_pooling_allocation_config_linear_memory_keep_resident_set": (None, (_P, c_size_t)),
    "wasmtime_pooling_allocation_config_table_keep_resident_set": (None, (_P, c_size_t)),
    "wasmtime_pooling_allocation_strategy_set": (None, (_P, _P)),
    "wasmtime_engine_increment_epoch": (None, (_P,)),
    "wasmtime_module_new": (_P, (_P, c_char_p, c_size_t, _P)),
    "wasmtime_module_delete": (None, (_P,)),
    "wasmtime_module_serialize": (_P, (_P, _P)),
    "wasmtime_module_deserialize": (_P, (_P, c_char_p, c_size_t, _P)),
    "wasmtime_linker_new": (_P, (_P,)),
    "wasmtime_linker_delete": (None, (_P,)),
    "wasmtime_linker_define_func_unchecked": (
        _P,
        (_P, c_char_p, c_size_t, c_char_p, c_size_t, _P, CALLBACK, _P, FINALIZER),
    ),
    "wasmtime_linker_instantiate_pre": (_P, (_P, _P, _P)),
    "wasmtime_instance_pre_instantiate": (_P, (_P, _P, _P, _P)),
    "wasmtime_instance_pre_delete": (None, (_P,)),
    "wasmtime_instance_export_get": (c_bool, (_P, _P, c_char_p, c_size_t, _P)),
    "wasmtime_store_new": (_P, (_P, _P, FINALIZER)),
    "wasmtime_store_context": (_P, (_P,)),
    "wasmtime_store_limiter": (None, (_P, c_int64, c_int64, c_int64, c_int64, c_int64)),
    "wasmtime_store_delete": (None, (_P,)),
    "wasmtime_context_set_fuel": (_P, (_P, c_uint64)),
    "wasmtime_context_set_epoch_deadline": (None, (_P, c_uint64)),
    "wasmtime_func_call_unchecked": (_P, (_P, _P, _P, c_size_t, _P)),
    "wasmtime_memory_data": (_P, (_P, _P)),
    "wasmtime_memory_data_size": (c_size_t, (_P, _P)),
    "wasmtime_trap_new": (_P, (c_char_p, c_size_t)),
    "wasmtime_trap_code": (c_bool, (_P, _P)),
    "wasmtime_frame_func_name": (_P, (_P,)),
    "wasmtime_error_message": (None, (_P, _P)),
    "wasmtime_error_delete": (None, (_P,)),
}


def declared() -> Any:
    """The library, with the types of what is called of it.

    Raises:
        ImportError: it is not there, or another version: something that is needed is not in it.
    """
    try:
        library = ctypes.CDLL(library_path())
        for name, (result, params) in _DECLARED.items():
            function = getattr(library, name)
            function.restype, function.argtypes = result, params
    except (OSError, AttributeError) as error:
        raise ImportError(f"the library of the package wasmtime cannot be used: {error}") from None
    return library
