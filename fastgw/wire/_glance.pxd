cpdef long long glance(bytes block, Py_ssize_t begin) except -1
cpdef bint may_tell(bytes block, Py_ssize_t begin) except -1
cpdef tuple used(bytes answer)
