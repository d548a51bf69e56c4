cdef class RequestBody:
    cdef public bint is_done
    cdef public bint is_framed
    cdef public bint is_kept
    cdef public long long received
    cdef public long long announced
    cdef public list pending
    cdef public Py_ssize_t held
    cdef public bytes trailers
    cdef public double since
    cdef public double wait_until
    cdef long long _before
    cpdef reset(self)
    cpdef begin(self, long long announced)
    cpdef refuse(self)
    cpdef mark(self, double now)
    cpdef double rate(self, double now) except? -1
    cpdef keep(self, bytes out)
    cpdef bytes whole(self)
    cpdef bytes take(self)
    cpdef list take_parts(self)
