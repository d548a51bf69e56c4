cimport cython

from fastgw.core.exchange.body cimport RequestBody
from fastgw.core.exchange.ends cimport Exchange
from fastgw.core.models.asked cimport AskedModel
from fastgw.core.plane cimport Plane
from fastgw.core.snapshot.snapshot cimport Service
from fastgw.filters._writer cimport Writer as Written
from fastgw.filters.log_lines cimport LogLines
from fastgw.filters.metering cimport UsageMeter, meter_of
from fastgw.wire.messages cimport Request, Response
from fastgw.wire.usage cimport TokenCounts

# Constants that are imported, as C.
cdef Py_ssize_t CACHE_READ_TOKENS, DURATION_US, ESTIMATED_TOKENS, FIRST_TOKEN_US, INPUT_TOKENS, OUTPUT_TOKENS, PER_TOKEN_US, REASONING_TOKENS
cdef long long NOT_TOLD, BYTES_OF_TOKEN


cdef class Metering:
    cdef public str asked
    cdef public long long cached
    cdef public long long completion
    cdef public long long estimated_completion
    cdef public long long estimated_prompt
    cdef public bint is_estimated
    cdef public UsageMeter meter
    cdef public long long prompt
    cdef public long long reasoning
    cdef public bint strips
    cpdef learn(self, object asked)


cdef class Usage:
    cdef public str name
    cdef dict _bases
    cdef object _by_key
    cdef frozenset _before
    cdef frozenset _after
    cdef bint _has_prices
    cdef bint _includes
    cdef LogLines _lines
    cdef bint _names_keys
    cdef object _prices
    cdef object _wall
    @cython.locals(request=Request, edited=frozenset)
    cpdef request(self, Exchange exchange)
    @cython.locals(
        request=Request, known=Metering, notes=dict, asked_model=AskedModel, path=bytes, asks=bint, body=RequestBody, data=bytes
    )
    cpdef transform_request(self, Exchange exchange)
    @cython.locals(known=Metering)
    cpdef transform_response(self, Exchange exchange)
    @cython.locals(known=Metering)
    cpdef read_response(self, Exchange exchange)
    @cython.locals(notes=dict, known=Metering)
    cpdef done(self, Exchange exchange)
    @cython.locals(service=Service, plane=Plane, bases=dict, base=Py_ssize_t)
    cdef _count(self, Exchange exchange, dict settled, Metering known)
    @cython.locals(request=Request, service=Service, lines=LogLines, writer=Written, micros="long long", key=bytes)
    cdef _write(self, Exchange exchange, dict settled)


@cython.locals(meter=UsageMeter, told=TokenCounts, prompt="long long", completion="long long", settled=dict, is_cached=bint)
cpdef dict settle(Exchange exchange, Metering known, object prices)

@cython.locals(path=bytes, makes=bint)
cdef _estimate(Exchange exchange, Metering known, UsageMeter meter, long long prompt, long long completion)

cdef dict _SETTLED, _paths
cdef tuple _CODED
cdef bytes _UNCODED

cpdef bint is_making(bytes path) except -1

cdef Metering _metering(Exchange exchange)

@cython.locals(status=int)
cdef bint _is_used(Exchange exchange) except -1

cdef bint _is_cached(Exchange exchange) except -1

@cython.locals(last=double)
cdef _add_times(dict settled, Exchange exchange, UsageMeter meter, long long completion)

cdef _write_key(Written writer, dict notes)

cdef _write_name(Written writer, bytes key, str name)
