cdef class Queue:
    cdef public Py_ssize_t size
    cdef public double timeout
    cdef public str discipline
    cdef object _arrivals
    cdef list _lines
    cpdef Py_ssize_t count(self, Py_ssize_t rank) except -1
