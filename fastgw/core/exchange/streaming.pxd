cdef class StreamingHook:
    cpdef bytes feed(self, bytes data)
    cpdef bytes finish(self)
