from fastgw.core.exchange.ends cimport Exchange
from fastgw.policy.sampler cimport Sampler


cdef class Sampled:
    cdef readonly dict _open
    cdef Sampler _sampler
    cdef Py_ssize_t _open_max
    cpdef request(self, Exchange exchange)
    cpdef done(self, Exchange exchange)
