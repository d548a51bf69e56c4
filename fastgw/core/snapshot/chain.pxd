cdef class BodyOpening:
    cdef public object hook
    cdef public str kind
    cdef public bint sees_empty
    cdef public bint is_of_streams
    cdef public bint changes
    cdef public bint is_of_request


cdef class Chain:
    cdef public tuple filters
    cdef public tuple request
    cdef public Py_ssize_t begin
    cdef public tuple response
    cdef public tuple request_body
    cdef public tuple response_body
    cdef public tuple done
    cdef public tuple refused
    cdef public tuple logged
    cdef public dict modes
    cdef public bint is_of_streams
    cdef public bint is_traced
