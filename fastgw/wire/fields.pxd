cimport cython

from fastgw.wire cimport _lines as field_lines


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


cpdef bytes find_field(bytes head, bytes name)
