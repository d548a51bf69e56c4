from fastgw.wire.messages cimport Request


cdef class RequestReader:
    cdef dict _hosts
    cdef object _parser
    cdef bint _is_inside_message
    cdef public int head_count
    cdef public int uri_length
    cpdef read(self, bytes head, Request request, object table)
    cdef _check_grammar(self, bytes head)
    cdef _route(self, Request request)
