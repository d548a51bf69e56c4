cimport cython

from fastgw.core.exchange cimport arriving, tries
from fastgw.core.models.asked cimport AskedModel
from fastgw.core.exchange.body cimport RequestBody
from fastgw.core.exchange.ends cimport Exchange
from fastgw.core.models.body cimport ModelBody, hold_parts
from fastgw.core.snapshot.snapshot cimport Service
from fastgw.wire._lines cimport has_any
from fastgw.wire.messages cimport Request

cdef dict _OPERATIONS


cdef class ModelPart:
    cdef public object destination
    cdef public long long weight
    cdef public str sent_as
    cdef public bint is_pattern
    cdef public bytes written
    cpdef str name_for(self, str name, str rest)


cdef class ModelTarget:
    cdef public str name
    cdef public str means
    cdef public tuple parts
    cdef public object split
    cpdef ModelPart part(self, Exchange exchange)


cdef class ModelChoice:
    cdef public str name
    cdef public tuple services
    cdef public object _targets
    cdef dict _exact
    cdef public object _list
    cdef tuple _keys
    cdef public object _prompts
    cdef public object _rest
    @cython.locals(request=Request, body=RequestBody, read=ModelBody, parts=list, is_rare=bint, coding=bytes)
    cpdef choose(self, Exchange exchange)
    @cython.locals(service=Service)
    cpdef go_on(self, Exchange exchange, operation, ModelBody read, list parts)
    @cython.locals(target=ModelTarget, part=ModelPart, name=str, sent_as=str, rest=str, notes=dict)
    cdef _chosen(self, Exchange exchange, operation, ModelBody read, list parts, bint has_digests)
    @cython.locals(default=ModelTarget)
    cdef tuple _target(self, str name, object rights)
