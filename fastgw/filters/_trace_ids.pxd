cdef class TraceIds:
    cdef object _chance
    cdef bytes _least
    cdef bytes _pool
    cdef Py_ssize_t _at
    cdef const unsigned char* _take(self, Py_ssize_t count) except NULL
    cpdef bytes span(self)
    cpdef bytes trace(self)
    cpdef bytes unrecorded(self, bytes lines)
