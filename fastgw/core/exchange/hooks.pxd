cimport cython

from fastgw.core.exchange.ends cimport Exchange

# Constants of the module, and those it imports, as C: compared without making an int of what is compared.
cdef int HOLD_PENDING, BODY_CHUNKED


@cython.locals(hooks=tuple)
cpdef enter_and_dispatch(Exchange exchange, Py_ssize_t index)

cpdef bint leave_and_send(Exchange exchange, tuple hooks, Py_ssize_t index) except -1
