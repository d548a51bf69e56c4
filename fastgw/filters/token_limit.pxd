cimport cython

from fastgw.core.exchange.body cimport RequestBody
from fastgw.core.exchange.ends cimport Exchange
from fastgw.core.models.asked cimport AskedModel
from fastgw.core.live.tabs cimport Tab
from fastgw.core.plane cimport Plane
from fastgw.filters.reservation cimport Reservation, Reserving
from fastgw.filters.token_limits cimport Counted
from fastgw.wire.messages cimport Request

cdef Py_ssize_t CHARGED, RESERVED


cdef class _Reserved:
    cdef public Reservation reserved
    cdef public list limits
    cdef public list tabs
    cdef public tuple told


cdef class _Around:
    cdef public object prices
    cdef public bint is_changed


cdef class TokenLimit:
    cdef public str name
    cdef list _all
    cdef dict _by_model
    cdef dict _chains
    cdef object _clock
    cdef bint _cuts
    cdef bint _is_dry
    cdef bint _is_open
    cdef list _limits
    cdef object _noted
    cdef Reserving _reserving
    cdef bint _shares
    cdef bint _tells_all
    cdef dict _under_way
    cdef object _wall
    @cython.locals(body=RequestBody)
    cpdef read_request(self, Exchange exchange)
    @cython.locals(request=Request, notes=dict, path=bytes, asked=AskedModel)
    cpdef read(self, Exchange exchange, list parts)
    @cython.locals(around=_Around)
    cdef _Around _knows(self, object chain)
    @cython.locals(
        notes=dict, limits=list, tabs=list, amount="long long", plane=Plane, place=Py_ssize_t, base=Py_ssize_t, under_way=_Reserved, one=Counted
    )
    cdef _admit(self, Exchange exchange, Reservation reserved)
    @cython.locals(under_way=_Reserved)
    cpdef response(self, Exchange exchange)
    @cython.locals(under_way=_Reserved, plane=Plane, place=Py_ssize_t, base=Py_ssize_t, settled=dict, one=Counted)
    cpdef done(self, Exchange exchange)


@cython.locals(tab=Tab)
cdef unsigned long long _taken(bucket) except? 0xFFFFFFFFFFFFFFFF

@cython.locals(tab=Tab)
cdef bint _is_admitted(bucket) except -1
