cimport cython

from fastgw.core.net cimport _send as sending


# A constant of the module as C.
cdef bint _SENDS_DIRECTLY


cdef class Connection:
    cdef public object transport
    cdef public double deadline
    cdef public bint is_closed
    cdef public bint is_ended
    cdef public bint is_paused
    cdef public bint was_held
    cdef public int _fd
    cdef public int _holds
    cdef public bint _is_broken
    cdef public bint _is_queued
    cpdef _open(self)
    cpdef attach(self, object transport)
    cpdef on_accepted(self, object transport, int fd, bytes address)
    @cython.locals(sent=Py_ssize_t)
    cpdef write(self, bytes data)
    cpdef data_received(self, bytes data)
    cpdef bint keeps_rest(self) except -1
    cpdef on_broken(self)
    cpdef hold(self, int bit)
    cpdef release(self, int bit)
    cpdef close(self)
    cpdef abort(self)
