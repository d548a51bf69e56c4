cdef class Request:
    cdef public bytes head
    cdef public bytes method
    cdef public bytes target
    cdef public bytes path
    cdef public bytes query
    cdef public int minor
    cdef public bytes authority
    cdef public bytes host
    cdef public bytes fields
    cdef public long long content_length
    cdef public bint chunked
    cdef public bint keep_alive
    cdef public bint closes
    cdef public bytes request_id
    cdef public bytes extra
    cdef public frozenset edited
    cdef public bytes original_path
    cdef public bint rare
    cdef public int host_count
    cdef public int length_count
    cdef public bytes transfer_encoding
    cdef public bytes connection
    cdef public bint expect
    cdef public bytes upgrade
    cdef public bint te_trailers
    cdef public bytes via
    cdef public bytes forwarded_for
    cdef public bytes forwarded_proto
    cdef public bytes forwarded_host
    cpdef reset_rare(self)


cdef class Response:
    cdef public bytes head
    cdef public int status
    cdef public bytes line
    cdef public int minor
    cdef public bytes fields
    cdef public int body
    cdef public bint has_date
    cdef public long long content_length
    cdef public bint keep_alive
    cdef public bytes request_id
    cdef public bytes extra
    cdef public bint rare
    cdef public int length_count
    cdef public bytes transfer_encoding
    cdef public bytes connection
    cdef public bytes upgrade
    cdef public bytes trailers
    cpdef reset_rare(self)
