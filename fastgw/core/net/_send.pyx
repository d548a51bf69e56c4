"""``send`` in C: no exception for a full buffer, no release of the GIL for a call that does not block (0.4 us less than ``os.write``)."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.errno cimport EAGAIN, EINTR, errno


cdef extern from "<sys/socket.h>" nogil:
    int MSG_DONTWAIT
    int MSG_NOSIGNAL
    ssize_t c_send "send"(int fd, const void* data, size_t size, int flags)


cpdef Py_ssize_t send(int fd, bytes data) noexcept:
    """See ``sending.send_plainly``."""
    cdef ssize_t sent = c_send(fd, PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data), MSG_DONTWAIT | MSG_NOSIGNAL)
    if sent >= 0:
        return sent
    return 0 if errno == EAGAIN or errno == EINTR else -1
