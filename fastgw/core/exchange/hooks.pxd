cimport cython

from fastgw.core.exchange.ends cimport Exchange


@cython.locals(hooks=tuple)
cpdef enter_and_dispatch(Exchange exchange, Py_ssize_t index)

cpdef bint leave_and_send(Exchange exchange, tuple hooks, Py_ssize_t index) except -1
