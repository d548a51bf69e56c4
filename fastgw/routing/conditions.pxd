cimport cython


cdef class Group:
    cdef public bint by_method
    cdef public tuple exact
    cdef public tuple present
    cdef public object table


cdef class Leaf:
    cdef public tuple rules
    cdef public object default
    cdef public tuple groups
    @cython.locals(group=Group)
    cpdef select(self, bytes method, header)
