cimport cython

from fastgw.core.exchange.relay cimport Exchange


@cython.locals(hooks=tuple)
cpdef enter(Exchange exchange, Py_ssize_t index)

cpdef bint leave(Exchange exchange, tuple hooks, Py_ssize_t index) except -1
