cimport cython


cdef class TokenCounts:
    cdef long long _apart
    cdef long long _input
    cdef readonly long long cached
    cdef readonly long long completion
    cdef readonly str model
    cdef readonly long long prompt
    cdef readonly long long reasoning
    cpdef learn(self, object said)
    cdef _take_model(self, object name)
    cpdef take(
        self, str model, long long prompt, long long read_in, long long completion, long long output, long long total, long long cache_read,
        long long cache_written, long long cache_hit, long long cached, long long reasoning, long long prompt_evaluated, long long evaluated
    )
    cdef _take_evaluated(self, long long prompt, long long completion)
    cdef _take_usage(self, object usage, bint is_begun=*)
    @cython.locals(told="long long", made="long long")
    cdef _take_numbers(
        self, long long prompt, long long read_in, long long completion, long long output, long long total, long long cache_read,
        long long cache_written, long long cache_hit, long long cached, long long reasoning, bint is_begun
    )


cpdef Py_ssize_t content_size(object said) except -1

cdef long long _number(object mapping, str key) except -2
