from fastgw.core cimport _counters as counters
from fastgw.core.http2.streams cimport Http2Streams
from fastgw.wire.http2 cimport frames

cdef int ENHANCE_YOUR_CALM, NO_ERROR, PROTOCOL_ERROR


cdef class Http2Client(Http2Streams):
    cdef bytes _preface
    cdef Py_ssize_t _stalled_at
    cpdef _open(self)
    cpdef data_received(self, bytes data)
    cdef _watch_writing(self)
    cpdef close(self)
    cpdef abort(self)
    cpdef on_drain(self)
    cpdef on_deadline(self, double now)
