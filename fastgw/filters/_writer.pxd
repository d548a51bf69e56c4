cdef class Writer:
    cdef char* _data
    cdef Py_ssize_t _size
    cdef Py_ssize_t _room
    cdef char* _more(self, Py_ssize_t count) except NULL
    cdef int _grow(self, Py_ssize_t count) except -1
    cdef bint _plain(self, const char* data, Py_ssize_t count) except -1
    cpdef put(self, bytes raw)
    cpdef text(self, bytes value)
    cpdef string(self, str value)
    cpdef escaped(self, bytes value, bint is_bare)
    cpdef number(self, long long value)
    cpdef three(self, long long value)
    cpdef Py_ssize_t size(self) except -1
    cpdef cut(self, Py_ssize_t size)
    cpdef bytes take(self)
