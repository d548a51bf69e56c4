cimport cython

from fastgw.core.exchange.body cimport RequestBody
from fastgw.core.exchange.ends cimport Exchange
from fastgw.core.plane cimport Plane
from fastgw.core.snapshot.snapshot cimport Service
from fastgw.filters._writer cimport Writer as Written
from fastgw.filters.log_lines cimport LogLines
from fastgw.filters.metering cimport UsageMeter
from fastgw.wire.messages cimport Request, Response
from fastgw.wire.usage cimport TokenCounts


cdef class Metering:
    cdef public str asked
    cdef public Py_ssize_t estimated_completion
    cdef public Py_ssize_t estimated_prompt
    cdef public bint is_estimated
    cdef public UsageMeter meter
    cdef public bint strips
    cpdef learn(self, object asked)


cdef class Usage:
    cdef public str name
    cdef dict _bases
    cdef bint _includes
    cdef LogLines _lines
    cdef object _prices
    cdef object _wall
    @cython.locals(request=Request)
    cpdef request(self, Exchange exchange)
    @cython.locals(request=Request, known=Metering, notes=dict, path=bytes, asks=bint, body=RequestBody, data=bytes)
    cpdef transform_request(self, Exchange exchange)
    @cython.locals(known=Metering)
    cpdef transform_response(self, Exchange exchange)
    @cython.locals(known=Metering)
    cpdef read_response(self, Exchange exchange)
    @cython.locals(notes=dict, known=Metering)
    cpdef done(self, Exchange exchange)
    @cython.locals(service=Service, plane=Plane, name=str, bases=dict, base=Py_ssize_t)
    cdef _count(self, Exchange exchange, dict settled, Metering known)
    @cython.locals(request=Request, service=Service, lines=LogLines, writer=Written, micros="long long", key=bytes)
    cdef _write(self, Exchange exchange, dict settled)


@cython.locals(
    meter=UsageMeter, told=TokenCounts, prompt="long long", completion="long long", cached="long long", path=bytes,
    makes=bint
)
cpdef dict settle(Exchange exchange, Metering known, object prices)

cdef Metering _metering(Exchange exchange)

@cython.locals(status=int)
cdef bint _is_used(Exchange exchange) except -1

cdef bint _is_cached(Exchange exchange) except -1

@cython.locals(last=double)
cdef dict _times(Exchange exchange, UsageMeter meter, long long completion)

cdef _time(Plane plane, Py_ssize_t place, double micros)

cdef _write_name(Written writer, bytes key, str name)
