cpdef list values_of(bytes lines, bytes name, Py_ssize_t start=*)
cpdef bytes value_of(bytes lines, bytes name, Py_ssize_t start=*)
cpdef bint has_any(bytes lines, tuple names) except -1
cpdef bytes without_fields(bytes lines, names)
cpdef bytes with_length(bytes lines, long long length)
cpdef set names_like(bytes lines, names)
cpdef bytes behind(bytes value, bytes scheme)
