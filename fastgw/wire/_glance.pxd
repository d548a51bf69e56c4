from fastgw.wire.usage cimport TokenCounts

cpdef long long glance(bytes block, Py_ssize_t begin) except -1
cpdef bint may_tell(bytes block, Py_ssize_t begin) except -1
cpdef bint tell_used(TokenCounts told, bytes answer) except -1
cpdef long long tell_begun(TokenCounts told, bytes event) except -2
