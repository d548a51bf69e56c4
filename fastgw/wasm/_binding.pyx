"""The runtime in C: what ``_binding_py`` does by ``ctypes``, which is its twin, and the oracle of the tests.

The library is opened when the first engine is made, and its functions are found by name: nothing is linked with it, so this module is
built, and imported, where it is not installed.  What is declared here is ``wasmtime.h`` as far as it is needed.

Guests run without the interpreter's lock, so the thread that ticks can; a function of the host takes it back.  Nothing is raised through
the runtime: what such a function raises is kept, and the call that it ends raises it.
"""

from cpython.ref cimport PyObject
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy, memset
from posix.dlfcn cimport RTLD_LOCAL, RTLD_NOW, dlerror, dlopen, dlsym

from fastgw.wasm.library import has_room, library_path, may_execute
from fastgw.wasm.traps import WasmError, WasmTrap, cause_of, words_of

cdef enum:
    FRAMES_MAX = 5  # of a trap that are told
    STACK = 524288  # bytes of a module's own stack
    ARGS_MAX = 16
    FUNC = 0  # kinds of exports
    MEMORY = 3

ctypedef union Raw:
    uint32_t i32
    uint64_t i64
    uint64_t v128[2]

ctypedef struct Vector:
    size_t size
    void *data

ctypedef struct Func:
    uint64_t store
    void *private

ctypedef struct Memory:
    uint64_t of[3]

ctypedef union ExternOf:
    Func func
    Memory memory

ctypedef struct Extern:
    uint8_t kind
    ExternOf of

ctypedef struct Instance:
    uint64_t store
    size_t private

ctypedef void *(*Callback)(void *, void *, Raw *, size_t) noexcept
ctypedef void (*Finalizer)(void *) noexcept nogil

ctypedef void *(*New)() noexcept nogil
ctypedef void (*Free)(void *) noexcept nogil
ctypedef void *(*Of)(void *) noexcept nogil
ctypedef void (*SetFlag)(void *, bint) noexcept nogil
ctypedef void (*SetSize)(void *, size_t) noexcept nogil
ctypedef void (*SetNumber)(void *, uint32_t) noexcept nogil

ctypedef struct Library:
    void (*byte_vec_delete)(Vector *) noexcept nogil
    void (*frame_vec_delete)(Vector *) noexcept nogil
    uint32_t (*frame_func_index)(void *) noexcept nogil
    Vector *(*frame_func_name)(void *) noexcept nogil
    void (*trap_message)(void *, Vector *) noexcept nogil
    void (*trap_trace)(void *, Vector *) noexcept nogil
    bint (*trap_code)(void *, uint8_t *) noexcept nogil
    void (*trap_delete)(void *) noexcept nogil
    void *(*trap_new)(const char *, size_t) noexcept nogil
    void (*error_message)(void *, Vector *) noexcept nogil
    void (*error_delete)(void *) noexcept nogil
    void (*engine_increment_epoch)(void *) noexcept nogil
    void *(*module_new)(void *, const char *, size_t, void **) noexcept nogil
    void (*module_delete)(void *) noexcept nogil
    void *(*module_serialize)(void *, Vector *) noexcept nogil
    void *(*module_deserialize)(void *, const char *, size_t, void **) noexcept nogil
    void *(*linker_new)(void *) noexcept nogil
    void (*linker_delete)(void *) noexcept nogil
    void *(*linker_define)(void *, const char *, size_t, const char *, size_t, void *, Callback, void *, Finalizer) noexcept nogil
    void *(*linker_instantiate_pre)(void *, void *, void **) noexcept nogil
    void *(*pre_instantiate)(void *, void *, Instance *, void **) noexcept nogil
    void (*pre_delete)(void *) noexcept nogil
    bint (*export_get)(void *, Instance *, const char *, size_t, Extern *) noexcept nogil
    void *(*store_new)(void *, void *, Finalizer) noexcept nogil
    void *(*store_context)(void *) noexcept nogil
    void (*store_limiter)(void *, int64_t, int64_t, int64_t, int64_t, int64_t) noexcept nogil
    void (*store_delete)(void *) noexcept nogil
    void *(*set_fuel)(void *, uint64_t) noexcept nogil
    void (*set_epoch_deadline)(void *, uint64_t) noexcept nogil
    void *(*func_call)(void *, Func *, Raw *, size_t, void **) noexcept nogil
    uint8_t *(*memory_data)(void *, Memory *) noexcept nogil
    size_t (*memory_data_size)(void *, Memory *) noexcept nogil

cdef Library lib
cdef void *handle = NULL


cdef void *found(bytes name) except NULL:
    """The function ``name`` of the library."""
    cdef void *pointer = dlsym(handle, name)
    if pointer == NULL:
        raise ImportError(f"the library of the package wasmtime cannot be used: it has no {name.decode()}")
    return pointer


cdef int opened() except -1:
    """Open the library, once."""
    global handle
    if handle != NULL:
        return 0
    handle = dlopen(library_path().encode(), RTLD_NOW | RTLD_LOCAL)
    if handle == NULL:
        raise ImportError(f"the library of the package wasmtime cannot be used: {dlerror().decode('utf-8', 'replace')}")
    # In the order of the structure, which is an array of pointers.
    cdef void **place = <void **>&lib
    for name in (
        *(b"wasm_byte_vec_delete", b"wasm_frame_vec_delete", b"wasm_frame_func_index", b"wasmtime_frame_func_name"),
        *(b"wasm_trap_message", b"wasm_trap_trace", b"wasmtime_trap_code", b"wasm_trap_delete", b"wasmtime_trap_new"),
        *(b"wasmtime_error_message", b"wasmtime_error_delete", b"wasmtime_engine_increment_epoch", b"wasmtime_module_new"),
        *(b"wasmtime_module_delete", b"wasmtime_module_serialize", b"wasmtime_module_deserialize"),
        *(b"wasmtime_linker_new", b"wasmtime_linker_delete", b"wasmtime_linker_define_func_unchecked"),
        *(b"wasmtime_linker_instantiate_pre", b"wasmtime_instance_pre_instantiate", b"wasmtime_instance_pre_delete"),
        *(b"wasmtime_instance_export_get", b"wasmtime_store_new", b"wasmtime_store_context", b"wasmtime_store_limiter"),
        *(b"wasmtime_store_delete", b"wasmtime_context_set_fuel"),
        *(b"wasmtime_context_set_epoch_deadline", b"wasmtime_func_call_unchecked", b"wasmtime_memory_data"),
        b"wasmtime_memory_data_size",
    ):
        place[0] = found(name)
        place += 1
    return 0


cdef bytes taken(Vector *vector):
    """The bytes of ``vector``, which is deleted."""
    data = (<char *>vector.data)[: vector.size] if vector.size else b""
    lib.byte_vec_delete(vector)
    return data


cdef int check(void *error) except -1:
    """Raise WasmError of an ``error`` of the runtime."""
    cdef Vector vector
    if error != NULL:
        lib.error_message(error, &vector)
        lib.error_delete(error)
        raise WasmError(words_of(taken(&vector).decode("utf-8", "replace")))
    return 0


cdef class WasmEngine:
    """See ``_binding_py``."""

    cdef void *pointer
    cdef readonly bint is_interpreter

    def __init__(self, instances, memory, elements):
        opened()
        if not has_room(instances):
            raise WasmError(f"there is no address space for {instances} instances (ulimit -v, LimitAS=)")
        cdef void *config = (<New>found(b"wasm_config_new"))()
        (<SetFlag>found(b"wasmtime_config_consume_fuel_set"))(config, True)
        (<SetFlag>found(b"wasmtime_config_epoch_interruption_set"))(config, True)
        (<SetSize>found(b"wasmtime_config_max_wasm_stack_set"))(config, STACK)
        for off in (
            *(b"wasm_threads", b"wasm_relaxed_simd", b"wasm_memory64", b"wasm_multi_memory", b"wasm_gc", b"gc_support"),
            *(b"wasm_function_references", b"wasm_exceptions", b"wasm_stack_switching"),
            *(b"parallel_compilation", b"native_unwind_info"),
        ):
            (<SetFlag>found(b"wasmtime_config_" + off + b"_set"))(config, False)
        self.is_interpreter = not may_execute()
        if self.is_interpreter:
            check((<void *(*)(void *, const char *) noexcept>found(b"wasmtime_config_target_set"))(config, b"pulley64"))
        if instances:
            self.pool(config, instances, memory, elements)
        self.pointer = (<Of>found(b"wasm_engine_new_with_config"))(config)

    cdef int pool(self, void *config, uint32_t instances, size_t memory, size_t elements) except -1:
        cdef void *pool = (<New>found(b"wasmtime_pooling_allocation_config_new"))()
        for name, number in (
            *((b"total_core_instances", instances), (b"total_memories", instances), (b"total_tables", instances)),
            *((b"total_stacks", 0), (b"total_gc_heaps", 0), (b"max_tables_per_module", 1), (b"max_memories_per_module", 1)),
        ):
            (<SetNumber>found(b"wasmtime_pooling_allocation_config_" + name + b"_set"))(pool, number)
        for name, number in (
            *((b"max_memory_size", memory), (b"table_elements", elements), (b"max_core_instance_size", 1 << 20)),
            *((b"linear_memory_keep_resident", 64 << 10), (b"table_keep_resident", 16 << 10)),
        ):
            (<SetSize>found(b"wasmtime_pooling_allocation_config_" + name + b"_set"))(pool, number)
        (<void (*)(void *, void *) noexcept>found(b"wasmtime_pooling_allocation_strategy_set"))(config, pool)
        (<Free>found(b"wasmtime_pooling_allocation_config_delete"))(pool)

    def compile(self, bytes data):
        """See ``_binding_py``."""
        cdef void *module = NULL
        cdef Vector vector
        cdef void *error
        check(lib.module_new(self.pointer, data, len(data), &module))
        error = lib.module_serialize(module, &vector)
        lib.module_delete(module)
        check(error)
        return taken(&vector)

    def load(self, bytes code):
        """See ``_binding_py``."""
        cdef void *module = NULL
        check(lib.module_deserialize(self.pointer, code, len(code), &module))
        return <size_t>module

    def tick(self):
        """See ``_binding_py``."""
        lib.engine_increment_epoch(self.pointer)


cdef class Entry:
    """A function that a module imports."""

    cdef PyObject *module  # which has this entry
    cdef object call
    cdef int count
    cdef bint is_wide[ARGS_MAX]


cdef void *called(void *env, void *caller, Raw *values, size_t size) noexcept with gil:
    """A host function is called; NULL, or a trap that ends the call."""
    cdef Entry entry = <Entry><object>env
    cdef WasmModule module = <WasmModule><object>entry.module
    cdef int at
    try:
        args = [module.owner]
        for at in range(entry.count):
            args.append(values[at].i64 if entry.is_wide[at] else values[at].i32)
        result = entry.call(*args)
        if result is not None:
            values[0].i32 = result
        return NULL
    except BaseException as error:
        module.raised = error
        return lib.trap_new(b"host", 4)


cdef class WasmModule:
    """See ``_binding_py``."""

    cdef readonly WasmEngine engine
    cdef readonly tuple names
    cdef object owner
    cdef object raised
    cdef bytes memory
    cdef list entries
    cdef void *pre

    def __init__(self, WasmEngine engine, bytes code, functions, exports, memory):
        cdef void *linker
        cdef void *module = <void *><size_t>engine.load(code)
        self.engine = engine
        self.names = tuple([name.encode() for name in exports])
        self.memory = memory.encode()
        self.entries = []
        linker = lib.linker_new(engine.pointer)
        try:
            for one in functions:
                self.define(linker, one)
            check(lib.linker_instantiate_pre(linker, module, &self.pre))
        finally:
            lib.linker_delete(linker)
            lib.module_delete(module)

    def __dealloc__(self):
        if self.pre != NULL:
            lib.pre_delete(self.pre)

    cdef int define(self, void *linker, one) except -1:
        cdef Vector kinds[2]
        cdef void *types[ARGS_MAX]
        cdef Entry entry = Entry.__new__(Entry)
        cdef bytes module = one.module.encode(), name = one.name.encode()
        cdef void *functype
        cdef void *error
        params = one.signature.params
        if len(params) > ARGS_MAX:
            raise WasmError(f"imports {one.module}.{one.name}, which takes more than {ARGS_MAX} arguments")
        entry.module, entry.call, entry.count = <PyObject *>self, one.call, len(params)
        for side, letters in enumerate(one.signature):
            for at, letter in enumerate(letters):
                types[at] = (<void *(*)(uint8_t) noexcept>found(b"wasm_valtype_new"))("iIfF".index(letter))
                if not side:
                    entry.is_wide[at] = letter == "I"
            (<void (*)(Vector *, size_t, void **) noexcept>found(b"wasm_valtype_vec_new"))(&kinds[side], len(letters), types)
        functype = (<void *(*)(Vector *, Vector *) noexcept>found(b"wasm_functype_new"))(&kinds[0], &kinds[1])
        self.entries.append(entry)
        error = lib.linker_define(
            linker, module, len(module), name, len(name), functype, <Callback>called, <void *>entry, NULL
        )
        (<Free>found(b"wasm_functype_delete"))(functype)
        return check(error)


cdef class WasmInstance:
    """See ``_binding_py``."""

    cdef readonly WasmModule module
    cdef readonly object owner
    cdef uint64_t fuel, ticks
    cdef void *store
    cdef void *context
    cdef Instance made
    cdef Memory memory
    cdef Func *slots

    def __init__(self, WasmModule module, owner, int64_t memory, int64_t elements, uint64_t fuel, uint64_t ticks):
        cdef void *error
        cdef void *trap = NULL
        cdef Extern at
        self.module, self.owner, self.fuel, self.ticks = module, owner, fuel, ticks
        self.slots = <Func *>calloc(len(module.names) + 1, sizeof(Func))
        if self.slots == NULL:
            raise MemoryError
        self.store = lib.store_new(module.engine.pointer, NULL, NULL)
        lib.store_limiter(self.store, memory, elements, 1, 1, 1)
        self.context = lib.store_context(self.store)
        lib.set_fuel(self.context, fuel)
        lib.set_epoch_deadline(self.context, ticks)
        before, module.owner = module.owner, owner
        with nogil:
            error = lib.pre_instantiate(module.pre, self.context, &self.made, &trap)
        module.owner = before
        try:
            self.end(error, trap)
            self.export(module.memory, MEMORY, &at)
            self.memory = at.of.memory
        except BaseException:
            self.close()
            raise

    def __dealloc__(self):
        if self.store != NULL:
            lib.store_delete(self.store)
        free(self.slots)

    cpdef close(self):
        """See ``_binding_py``."""
        store, self.store = <size_t>self.store, NULL
        if store:
            self.context = NULL
            lib.store_delete(<void *><size_t>store)

    def call(self, size_t slot, *args):
        """See ``_binding_py``."""
        cdef Raw values[ARGS_MAX]
        cdef void *error
        cdef void *trap = NULL
        cdef Func *func = self.prepared(slot, args, values)
        cdef WasmModule module = self.module
        lib.set_fuel(self.context, self.fuel)
        lib.set_epoch_deadline(self.context, self.ticks)
        before, module.owner = module.owner, self.owner
        with nogil:
            error = lib.func_call(self.context, func, values, ARGS_MAX, &trap)
        module.owner = before
        self.end(error, trap)
        return values[0].i32

    def nested(self, size_t slot, *args):
        """See ``_binding_py``."""
        cdef Raw values[ARGS_MAX]
        cdef void *error
        cdef void *trap = NULL
        cdef Func *func = self.prepared(slot, args, values)
        with nogil:
            error = lib.func_call(self.context, func, values, ARGS_MAX, &trap)
        self.end(error, trap)
        return values[0].i32

    cpdef read(self, uint64_t place, uint64_t size):
        """See ``_binding_py``."""
        self.refuse_closed()
        if place + size > lib.memory_data_size(self.context, &self.memory):
            return None
        return (<char *>lib.memory_data(self.context, &self.memory) + place)[:size]

    cpdef write(self, uint64_t place, bytes data):
        """See ``_binding_py``."""
        cdef uint64_t size = len(data)
        self.refuse_closed()
        if place + size > lib.memory_data_size(self.context, &self.memory):
            return False
        memcpy(lib.memory_data(self.context, &self.memory) + place, <char *>data, size)
        return True

    cdef int refuse_closed(self) except -1:
        if self.context == NULL:
            raise ValueError("the instance is closed")

    cdef Func *prepared(self, size_t slot, tuple args, Raw *values) except NULL:
        """The export, and its arguments in ``values``."""
        cdef Extern at
        cdef int place = 0
        self.refuse_closed()
        if self.slots[slot].store == 0:
            self.export(self.module.names[slot], FUNC, &at)
            self.slots[slot] = at.of.func
        memset(values, 0, ARGS_MAX * sizeof(Raw))
        for value in args:
            values[place].i64 = value
            place += 1
        return &self.slots[slot]

    cdef int export(self, bytes name, uint8_t kind, Extern *at) except -1:
        if not lib.export_get(self.context, &self.made, name, len(name), at):
            raise WasmError(f"does not export {name.decode()}")
        if at.kind != kind:
            raise WasmError(f"exports {name.decode()} as something else")

    cdef int end(self, void *error, void *trap) except -1:
        if error == NULL and trap == NULL:
            return 0
        raised, self.module.raised = self.module.raised, None
        if error != NULL:
            try:
                check(error)
            except WasmError as problem:
                text = str(problem)
                cause = "instances" if "concurrent" in text else "memory" if "memory" in text else "trap"
                raise raised or WasmTrap(text, cause) from None
        told = self.told(trap)
        raise raised if raised is not None else told

    cdef told(self, void *trap):
        """What ``trap`` says, which is deleted."""
        cdef Vector message, frames
        cdef Vector *name
        cdef uint8_t code = 0
        cdef size_t at
        lib.trap_message(trap, &message)
        text = taken(&message).decode("utf-8", "replace")
        has_code = lib.trap_code(trap, &code)
        lib.trap_trace(trap, &frames)
        names = []
        for at in range(min(<size_t>FRAMES_MAX, frames.size)):
            frame = (<void **>frames.data)[at]
            name = lib.frame_func_name(frame)
            said = (<char *>name.data)[: name.size].decode("utf-8", "replace") if name != NULL else ""
            names.append(said or f"function {lib.frame_func_index(frame)}")
        lib.frame_vec_delete(&frames)
        lib.trap_delete(trap)
        return WasmTrap(words_of(text), cause_of(code if has_code else None), tuple(names))
