cimport cython

from fastgw.core cimport _counters as counters
from fastgw.core.live.places cimport GatePlace, ServicePlaces
from fastgw.core.plane cimport Plane
from fastgw.policy.queue cimport Queue

# A constant that is imported, as C: compared without making an int of what is compared.
cdef int NO_ROOM


cdef class Spot(GatePlace):
    cdef ServiceGate _gate
    cdef public object exchange
    cdef public bint is_late
    cdef public bytes key
    cdef public double since
    cpdef cancel(self)
    cpdef leave(self)


@cython.locals(spot=Spot)
cdef Spot _spot(ServiceGate gate, exchange, Py_ssize_t rank, bint is_late)


cdef class ServiceGate:
    cdef Py_ssize_t _base
    cdef Py_ssize_t _default_rank
    cdef bint _is_admitting
    cdef bint _is_retired
    cdef str _name
    cdef ServicePlaces _places
    cdef Plane _plane
    cdef Queue _queue
    cdef dict _ranks
    cdef object _read_class
    cdef double _shed_lag
    cdef object _shedding
    cdef object _terms
    cdef public object _timer
    @cython.locals(rank=Py_ssize_t, spot=Spot)
    cpdef bint enter(self, exchange, bint is_late) except -1
    cpdef bint admits(self, exchange) except -1
    cpdef forget(self, Spot spot)
    cpdef take_back(self, Spot spot)
    cdef Py_ssize_t _rank(self, exchange) except -1
    @cython.locals(lag=double, most=double)
    cdef bint _is_worker_busy(self, Py_ssize_t rank) except -1
    cdef bint _is_free(self, Py_ssize_t rank) except -1
    @cython.locals(is_first=bint, outcome=Py_ssize_t)
    cdef bint _ask(self, Spot spot) except -1
    @cython.locals(cell=Py_ssize_t)
    cdef Py_ssize_t _take(self, Spot spot, bint is_behind) except? -9
    cdef _wait(self, Spot spot)
    cdef Spot _keyed(self, Spot spot)
    cdef _show(self, Py_ssize_t rank)
    cdef _stop_looking(self)
    cdef _admit(self)
    @cython.locals(spot=Spot, now=double, rank=Py_ssize_t)
    cdef bint _admit_one(self) except -1
    cdef _go_on(self, Spot spot)
    cdef _left(self, Spot spot)
    cdef _turn_away(self, Spot spot, Py_ssize_t cause)
    cdef _refuse(self, exchange, Py_ssize_t rank, Py_ssize_t cause)
