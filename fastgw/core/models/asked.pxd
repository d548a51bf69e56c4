cdef class AskedModel:
    cdef public object operation
    cdef public str model
    cdef public str entry
    cdef public str sent_as
    cdef object _skim

cdef unsigned char _BACKSLASH

cpdef str text_of(bytes raw)
