cdef class Watched:
    cdef object _coroutine
    cdef object _mark
    cdef object _values
