cdef class FieldTable:
    cdef public dict fields
    cdef public dict seen
    cdef public dict shapes
    cdef public bint keep_forwarded
    cdef public bytes suspects
    cdef public int host
    cdef public int content_length
    cdef public int date
    cpdef int learn(self, bytes name)
    cpdef int _classify(self, bytes name)
