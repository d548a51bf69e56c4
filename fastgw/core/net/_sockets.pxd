from libc.stdint cimport uint32_t

from fastgw.core.net.connection cimport Connection
from fastgw.core.net.turns cimport Turn


cdef class Handler:
    cdef on_event(self, uint32_t events, char* buffer)
    cdef stop(self)
    cdef lose(self)


cdef class Poller:
    cdef readonly object loop
    cdef readonly Turn turn  # what is done when everything that is ready was handled
    cdef int stuck  # connections whose peer has yet to take a large read
    cdef public object on_starved  # called with an OSError when a client cannot be accepted
    cdef int _epfd
    cdef list _handlers  # by descriptor
    cdef list _lost  # handlers to be told that they are
    cdef char* _buffer
    cdef Handler connect(self, int fd, Connection connection)
    cdef lost(self, Handler handler)
    cdef _handle(self)
    cdef remember(self, int fd, Handler handler, uint32_t events)
    cdef ignore(self, int fd)
    cdef forget(self, int fd)
    cdef control(self, int operation, int fd, uint32_t events)
