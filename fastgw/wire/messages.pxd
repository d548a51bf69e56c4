cimport cython

from fastgw.wire cimport _lines as field_lines
from fastgw.wire.fields cimport find_field


cdef class Message:
    cdef public bytes head
    cdef public int minor
    cdef public bytes fields
    cdef public bytes extra
    cdef public long long content_length
    cdef public int length_count
    cdef public bint keep_alive
    cdef public bytes request_id
    cdef public bint rare
    cdef public bytes transfer_encoding
    cdef public bytes connection
    cdef public bytes upgrade
    cpdef reset_rare(self)
    @cython.locals(value=bytes, more=bytes)
    cpdef bytes sent(self, bytes name)
    cpdef gain_length(self, long long length)


cdef class Request(Message):
    cdef public bytes method
    cdef public bytes target
    cdef public bytes path
    cdef public bytes query
    cdef public bytes authority
    cdef public bytes host
    cdef public int host_count
    cdef public bint chunked
    cdef public frozenset edited
    cdef public bytes original_path
    cdef public bytes routed_path
    cdef public bint closes
    cdef public bint expect
    cdef public bint te_trailers
    cdef public bytes via
    cdef public bytes forwarded_for
    cdef public bytes forwarded_proto
    cdef public bytes forwarded_host
    cdef public bytes timeout
    cpdef reset_rare(self)
    cpdef gain_length(self, long long length)
    cpdef bytes header(self, bytes name)
    cpdef bytes forwarded(self, bytes name)
    @cython.locals(fields=bytes, extra=bytes)
    cpdef bint drop(self, tuple names) except -1
    cpdef change(self, tuple removed, bytes lines, frozenset edited)


cdef class Response(Message):
    cdef public int status
    cdef public bytes line
    cdef public int body
    cdef public bint has_date
    cdef public bytes trailers
    cpdef bytes header(self, bytes name)
    cpdef reset_rare(self)
