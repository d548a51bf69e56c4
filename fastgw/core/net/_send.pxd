cpdef Py_ssize_t send(int fd, bytes data) noexcept
