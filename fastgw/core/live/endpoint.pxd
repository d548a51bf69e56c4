from fastgw.core.live.members cimport Members
from fastgw.core.live.pool cimport Pool


cdef class Endpoint:
    cdef public object key
    cdef public object settings
    cdef public Members members
    cdef public object ejection
    cdef public str name
    cdef public str place
    cdef public bytes authority
    cdef public int weight
    cdef public int in_hand
    cdef public object ssl
    cdef public Py_ssize_t base
    cdef public Pool pool
    cdef public object troubles
    cdef public bint is_retired
    cdef object _plane
    cdef object _standing
