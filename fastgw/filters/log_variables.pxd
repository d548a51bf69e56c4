cimport cython

from fastgw.core.exchange.ends cimport Exchange


cpdef int logged_status(Exchange exchange) except -1
