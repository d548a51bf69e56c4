cimport cython


cdef class TokenCounts:
    cdef long long _apart
    cdef long long _input
    cdef readonly long long cached
    cdef readonly long long completion
    cdef readonly str model
    cdef readonly long long reasoning
    cpdef learn(self, object said)
    cdef _take_model(self, object name)
    @cython.locals(told="long long", made="long long", total="long long", read="long long", written="long long")
    cdef _take_usage(self, object usage, bint is_begun=*)


cpdef Py_ssize_t content_size(object said) except -1

cdef long long _number(object mapping, str key) except -2
