cimport cython

from fastgw.core cimport _counters as counters


cdef class Plane:
    cdef public object loop
    cdef public object poller
    cdef public unsigned long long[::1] values
    cdef public object random
    cdef public object clock
    cdef public double now
    cdef public double lag
    cdef public bytes date
    cdef long long _dated
    cdef public object wall
    cdef public long long body_bytes
    cdef public long long generation
    cdef public bint is_draining
    cdef public bint is_over
    cdef public object leaving
    cdef public dict names
    cdef public object on_standing
    cdef public object on_finding
    cdef public object offer
    cdef public object seat
    cdef public object speak_http2
    cdef public object tail
    cdef public int until_timed
    cdef public list free
    cdef public Py_ssize_t free_max
    cdef object _on_log
    cpdef give_back(self, exchange)
    @cython.locals(now=double, micros="long long")
    cpdef double count(self, Py_ssize_t base, double started, int status, long long received, long long sent) except -1
    @cython.locals(micros="long long")
    cpdef count_time(self, Py_ssize_t place, double seconds)
    @cython.locals(micros="long long", start=Py_ssize_t, bucket=Py_ssize_t, place=Py_ssize_t)
    cpdef count_answer(self, Py_ssize_t base, int status, Py_ssize_t member, double seconds)
