cimport cython


cdef class Keys:
    cdef public str text
    cdef public bint are_of_clients
    cdef tuple _context
    cdef bint _is_of_key
    cdef dict _known
    cdef object _read
    cdef tuple _reads
    cpdef of(self, exchange)
    cpdef tuple values(self, exchange)


@cython.locals(notes=dict)
cdef object _noted_key(exchange)

cpdef bytes _name_of_key(exchange)

@cython.locals(notes=dict)
cpdef bytes _model(exchange)
