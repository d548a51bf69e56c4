cimport cython

from fastgw.core.exchange.ends cimport Exchange
from fastgw.filters.bearer cimport Accepted as Found, Bearer


cdef class Jwt(Bearer):
    cdef object _demands
    cdef tuple _algorithms
    cdef tuple _keys
    cdef tuple _sets
    cdef object _known
    cdef tuple _used
    cdef str _lacking
    cdef double _good_until
    cdef object _version
    cdef Py_ssize_t _most
    cdef public dict _cache
    cdef public dict _refused
    cdef bytes _secret
    cdef object _wall
    cdef object _clock
    cdef double _forged_until
    cdef public object _verifier
    @cython.locals(token=bytes, found=Found, now=double)
    cpdef request(self, Exchange exchange)
