from fastgw.core.live.members cimport Members
from fastgw.core.snapshot.chain cimport Chain
from fastgw.routing.matching cimport Matcher
from fastgw.wire.fields cimport FieldTable
from fastgw.wire.request cimport RequestReader


cdef class Service:
    cdef public str name
    cdef public Py_ssize_t base
    cdef public Members members
    cdef public tuple roster
    cdef public object balancer
    cdef public object judge
    cdef public tuple minds
    cdef public object gate
    cdef public object fallback
    cdef public object breaking
    cdef public object outlying
    cdef public object terms
    cdef public object template
    cdef public object pick_for
    cdef public object subsets
    cdef public frozenset resends
    cdef public frozenset keeps
    cdef public bint keeps_post
    cdef public object settings
    cdef public object times
    cdef public object witness
    cdef public bytes host
    cdef public tuple credentials
    cdef public bint keeps_host
    cdef public Py_ssize_t slot
    cdef public bint takes_chunks


cdef class Route:
    cdef public object cache
    cdef public str name
    cdef public Py_ssize_t slot
    cdef public Py_ssize_t base
    cdef public Service service
    cdef public object versions
    cdef public object split
    cdef public object by_name
    cdef public object pattern
    cdef public object settings
    cdef public Chain chain
    cdef public object mirror
    cdef public long long max_body
    cdef public long long body_buffer
    cdef public long long body_held_max
    cdef public double body_wait
    cdef public double timeout
    cdef public double answer_timeout
    cdef public double stream_idle_timeout
    cdef public object upgrades
    cdef public bint wants_data


cdef class Listener:
    cdef public str name
    cdef public object router
    cdef public dict plain
    cdef public tuple before
    cdef public Matcher matcher
    cdef public object fallbacks
    cdef public str allow
    cdef public bytes scheme
    cdef public object timeouts
    cdef public object limits
    cdef public tuple trusted
    cdef public object drop_headers
    cdef public str half_close
    cdef public tuple protocols
    cdef public Py_ssize_t head_size
    cdef public Py_ssize_t pipeline_bytes
    cdef public long long body_memory
    cdef public double head_timeout
    cdef public double write_timeout
    cdef public double idle_timeout
    cdef public RequestReader reader
    cdef public FieldTable table
    cdef public FieldTable trusted_table
