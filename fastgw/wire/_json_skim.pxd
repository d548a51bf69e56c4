cdef enum:
    DEPTH_MAX = 256, KEY_MAX = 64, KEYS_MAX = 16


cdef class Skim:
    cdef readonly tuple keys
    cdef int _count, _missing
    cdef int _kinds[KEYS_MAX]
    cdef long long _starts[KEYS_MAX]
    cdef long long _stops[KEYS_MAX]
    cdef list _raws
    cdef int _enough, _state, _depth, _wanted, _kind, _key_size, _code, _digits, _high, _tail
    cdef Py_ssize_t _value_max, _mark, _size
    cdef long long _base, _start, _key_start
    cdef bint _is_key, _is_read
    cdef bint _is_odd  # of the key: something of it is no lower-case ASCII
    cdef unsigned char _low, _max
    cdef unsigned char _stack[DEPTH_MAX]
    cdef unsigned char _key[KEY_MAX]
    cdef const char* _literal
    cdef list _parts
    cpdef bint feed(self, bytes data) except -1
    cpdef finish(self)
    cpdef read(self, bytes data)
    cpdef value(self, int place)
    cpdef int kind(self, int place) except -1
    cpdef long long start(self, int place) except -1
    cpdef long long stop(self, int place) except -1
    cpdef bytes raw(self, int place)
    cpdef long long number(self, int place) except -2

    cdef int _between(self, const unsigned char* text, Py_ssize_t at, unsigned char byte) except -1
    cdef int _value(self, Py_ssize_t at, unsigned char byte) except -1
    cdef int _open(self, Py_ssize_t at, unsigned char what) except -1
    cdef int _close(self, const unsigned char* text, Py_ssize_t at, int what) except -1
    cdef int _end_value(self, const unsigned char* text, Py_ssize_t stop) except -1
    cdef int _keep(self, const unsigned char* text, Py_ssize_t stop) except -1
    cdef Py_ssize_t _inside(self, const unsigned char* text, Py_ssize_t at, Py_ssize_t size) except -1
    cdef int _begin_character(self, Py_ssize_t at, unsigned char byte) except -1
    cdef int _in_string(self, unsigned char byte, Py_ssize_t at) except -1
    cdef int _end_escape(self, Py_ssize_t at) except -1
    cdef void _read(self, const unsigned char* part, Py_ssize_t size) noexcept
    cdef int _end_key(self) except -1
    cdef Py_ssize_t _in_number(self, const unsigned char* text, Py_ssize_t at, unsigned char byte) except -1
    cdef object _error(self, Py_ssize_t at, str detail, str reason=*)
