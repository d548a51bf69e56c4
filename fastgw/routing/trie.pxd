cimport cython

from fastgw.routing.conditions cimport Leaf


# A constant of the module as C.
cdef int SLASH


cdef class Node:
    cdef public Py_ssize_t place
    cdef public Py_ssize_t parent
    cdef public bint is_parameter
    cdef public dict literals
    cdef public Node parameter
    cdef public Leaf leaf
    cdef public Leaf prefix


cdef class PathTable:
    cdef public dict exact
    cdef public list nodes
    cdef public Node root
    cdef public Py_ssize_t depth
    @cython.locals(node=Node, parent=Node, child=Node, leaf=Leaf, segments=list, segment=bytes, count=Py_ssize_t, index=Py_ssize_t)
    cpdef search(self, bytes path, bytes method, header)
