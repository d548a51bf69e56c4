cdef class Pool:
    cdef public object settings
    cdef public object shortage
    cdef public bint takes_chunks
    cpdef acquire(self, exchange)
    cpdef cancel(self, exchange)
    cpdef on_request_done(self, exchange)
    cpdef end_upload(self, exchange)
    cpdef put_back(self, carrier)
    cpdef on_closed(self, carrier)
