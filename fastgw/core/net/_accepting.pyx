"""New connections of plain sockets, accepted in C: one system call for each, which tells its address too."""

import os
import socket

cimport cython
from libc.errno cimport EAGAIN, ECONNABORTED, EINTR, errno
from libc.stdint cimport uint32_t

from fastgw.core.net._peer cimport address_of, sockaddr_storage, socklen_t
from fastgw.core.net._sockets cimport Handler, Poller
from fastgw.core.net.connection cimport Connection

DEF ACCEPTS = 64  # connections accepted at once
ACCEPT_PAUSE = 0.1  # seconds without accepting when there are no descriptors: clients wait in the queue meanwhile

cdef extern from "<sys/epoll.h>" nogil:
    uint32_t EPOLLIN

cdef extern from "<sys/socket.h>" nogil:
    int SOCK_NONBLOCK, SOCK_CLOEXEC
    int accept4(int fd, void* address, socklen_t* size, int flags)

cdef extern from "<unistd.h>" nogil:
    int c_close "close"(int fd)


@cython.final
cdef class Acceptor(Handler):
    """A listening socket; every connection it accepts gets a protocol from ``factory``."""

    cdef Poller _poller
    cdef object _sock, _factory, _rearm
    cdef int _fd
    cdef bint _is_tcp

    def __init__(self, Poller poller, sock, factory):
        self._poller = poller
        self._sock = sock
        self._fd = sock.fileno()
        self._factory = factory
        self._is_tcp = sock.family != socket.AF_UNIX
        if self._is_tcp:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # inherited by what it accepts (tcp(7) of Linux)
        poller.remember(self._fd, self, EPOLLIN)

    def close(self):
        """Accept no more; the socket itself closes when nobody else holds it."""
        if self._fd >= 0:
            if self._rearm is None:
                self._poller.forget(self._fd)
            else:
                self._rearm.cancel()
            self._fd = -1
            self._sock.close()

    def _arm(self):
        self._rearm = None
        self._poller.remember(self._fd, self, EPOLLIN)

    cdef on_event(self, uint32_t events, char* buffer):
        cdef int fd, taken, problem
        cdef Connection connection
        cdef sockaddr_storage peer
        cdef socklen_t size
        for taken in range(ACCEPTS):
            if self._fd < 0:
                return
            size = sizeof(peer)
            fd = accept4(self._fd, <void*> &peer, &size, SOCK_NONBLOCK | SOCK_CLOEXEC)
            if fd >= 0:
                try:
                    connection = <Connection?> self._factory()
                except Exception:
                    c_close(fd)
                    raise
                connection.on_accepted(
                    self._poller.connect(fd, connection), fd, address_of(&peer) if self._is_tcp else None
                )
            elif errno == ECONNABORTED or errno == EINTR:
                continue
            else:
                problem = errno
                if problem != EAGAIN:  # no descriptors or no memory: asking again at once would only burn the processor
                    if self._poller.on_starved is not None:
                        self._poller.on_starved(OSError(problem, os.strerror(problem)))
                    self._poller.forget(self._fd)
                    self._rearm = self._poller.loop.call_later(ACCEPT_PAUSE, self._arm)
                return
