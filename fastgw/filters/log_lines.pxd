cimport cython

from fastgw.filters._writer cimport Writer as Written


cdef class LogLines:
    cdef public Written writer
    cdef object _path
    cdef object _rotation
    cdef Py_ssize_t _batch
    cdef double _flush_seconds
    cdef Py_ssize_t _whole
    cdef Py_ssize_t _dropped
    cdef object _loop
    cdef object _handle
    cdef object _file
    cdef bint _is_stopped
    cdef bint _is_json
    cpdef begin(self)
    @cython.locals(whole=Py_ssize_t, writer=Written)
    cpdef end(self)
