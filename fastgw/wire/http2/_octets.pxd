cpdef bytes frame_head(int kind, int flags, long stream, Py_ssize_t size)
cpdef bytes frame(int kind, int flags, long stream, bytes payload)
cpdef Py_ssize_t line_end(bytes lines, Py_ssize_t start) noexcept
cpdef Py_ssize_t find_colon(bytes line) noexcept
cpdef bytes literal(bytes first, bytes line, Py_ssize_t start)
cpdef bint is_value(bytes value) noexcept
