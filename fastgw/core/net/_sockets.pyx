"""Plain TCP and unix connections without the event loop's own transports.

The sockets of a worker sit in an epoll set of their own, and that set is one descriptor for uvloop to watch.  When anything happens the
loop calls ``Poller.poll`` once, and everything that is ready is read, handed to its ``Connection`` and written in one go, in C:

    uvloop --one callback a turn--> Poller.poll --for each ready socket--> recv -> Connection.data_received -> send

What this saves per read, beside a uvloop stream: a handle, a 256 KB buffer that is cut down, a context switch of contextvars, two Python
calls; and per idle connection more than a kilobyte, for a ``SocketTransport`` is a few integers.

``SocketTransport`` keeps the promises of an asyncio transport that ``Connection`` relies on: ``connection_lost`` comes exactly once, later
than the call that caused it; ``close`` sends what is queued, ``abort`` does not; ``pause_writing`` and ``resume_writing`` at the marks.
Two promises are stronger.  A reset is noticed while reading is paused.  And a write that fails is not the end: what the peer sent before
it left (an answer to an upload that it did not want to read) Linux keeps in the receive queue behind a reset, and it is read first.
"""

import os
import socket

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.object cimport PyObject
from cpython.ref cimport Py_DECREF
from libc.errno cimport EAGAIN, EINTR, errno
from libc.stdint cimport uint32_t
from libc.stdlib cimport free, malloc

from fastgw.core.net.connection cimport Connection
from fastgw.core.net.turns cimport Turn

cdef Py_ssize_t WRITE_HIGH, WRITE_LOW  # as C
from fastgw.core.net.connection import WRITE_HIGH, WRITE_LOW

DEF EVENTS = 256  # taken from the kernel at once
DEF READ_SIZE = 65536  # bytes read at once, and so what a connection whose peer does not read can be left with
DEF BULK = 32768  # a read of this size in the middle of a large body: more of the kind follow
DEF BULK_READ = 262144  # bytes read at once then: fewer calls, fewer wake-ups
DEF STUCK_READS = 8  # connections of a worker whose peer may have been left with that much; until one of them catches up, nobody reads so much

cdef extern from *:
    """
    #include <malloc.h>
    #ifdef __GLIBC__
    /* Otherwise glibc maps the bytes of every large read anew, or gives the end of the heap back after it: a page fault for every
       4 KB, a third of the CPU of a large body. Up to 4 MB of free memory stay with the process. */
    #define fastgw_keep_memory() (mallopt(M_MMAP_THRESHOLD, 1 << 20), mallopt(M_TRIM_THRESHOLD, 4 << 20))
    #else
    #define fastgw_keep_memory()
    #define malloc_trim(rest)
    #endif
    """
    void keep_memory "fastgw_keep_memory"()
    void malloc_trim(size_t rest)

cdef extern from "Python.h":
    PyObject* new_bytes "PyBytes_FromStringAndSize"(const char* data, Py_ssize_t size) except NULL
    int _PyBytes_Resize(PyObject** data, Py_ssize_t size) except -1

cdef extern from "<sys/epoll.h>" nogil:
    ctypedef union epoll_data_t:
        int fd
    struct epoll_event:
        uint32_t events
        epoll_data_t data
    int EPOLL_CTL_ADD, EPOLL_CTL_MOD, EPOLL_CTL_DEL, EPOLL_CLOEXEC
    uint32_t EPOLLIN, EPOLLOUT, EPOLLERR, EPOLLHUP, EPOLLET
    int epoll_create1(int flags)
    int epoll_ctl(int epfd, int op, int fd, epoll_event* event)
    int epoll_wait(int epfd, epoll_event* events, int maxevents, int timeout)

cdef extern from "<sys/socket.h>" nogil:
    int MSG_DONTWAIT, MSG_NOSIGNAL, SHUT_WR
    ssize_t recv(int fd, void* data, size_t size, int flags)
    ssize_t c_send "send"(int fd, const void* data, size_t size, int flags)
    int shutdown(int fd, int how)

cdef extern from "<unistd.h>" nogil:
    int c_close "close"(int fd)


cdef class Handler:
    """What a descriptor of the set belongs to."""

    cdef on_event(self, uint32_t events, char* buffer):
        raise NotImplementedError

    cdef stop(self):
        """An event could not be handled."""

    cdef lose(self):
        """Its descriptor has ended, and nothing will be called any more: what ``Poller.lost`` was asked for."""
        raise NotImplementedError


@cython.final
cdef class SocketTransport(Handler):
    """One connected, non-blocking stream socket; owns its descriptor."""

    cdef Poller _poller
    cdef Connection _connection
    cdef int _fd
    cdef uint32_t _watched  # events asked of epoll
    cdef bint _is_paused, _is_closing, _is_over, _is_write_paused, _wants_eof
    cdef bint _is_ended, _is_broken  # the peer will send no more; will take no more
    cdef bint _is_reset  # told while reading was paused, and what came before it is still wanted
    cdef bint _is_bulk, _is_stuck  # in the middle of something large; a large read made reading pause
    cdef int _problem  # errno that ended it, 0: none did
    cdef Py_ssize_t _queued, _high, _low
    cdef list _queue

    def __cinit__(self, Poller poller, int fd):
        self._poller = poller
        self._fd = fd
        self._high, self._low = WRITE_HIGH, WRITE_LOW

    # --- what Connection asks of a transport

    def get_extra_info(self, str name, default=None):
        """``socket`` (this object knows ``fileno``, ``setsockopt`` and ``getpeername``), ``peername``; nothing else."""
        if name == "socket":
            return self
        if name == "peername":
            return self.getpeername()
        return default

    def fileno(self):
        return self._fd

    def setsockopt(self, int level, int option, value):
        view = socket.socket(fileno=self._fd)
        try:
            view.setsockopt(level, option, value)
        finally:
            view.detach()

    def getpeername(self):
        view = socket.socket(fileno=self._fd)
        try:
            return view.getpeername()
        except OSError:
            return None
        finally:
            view.detach()

    def set_write_buffer_limits(self, Py_ssize_t high, Py_ssize_t low):
        self._high, self._low = high, low

    def get_write_buffer_size(self):
        return self._queued

    def is_closing(self):
        return self._is_closing or self._is_over

    def can_write_eof(self):
        return True

    def write(self, data):
        if self._is_over or self._is_broken:
            return
        if self._queue is None:
            self._queue = []
        self._queue.append(data)
        self._queued += len(data)
        self._watch()
        if self._queued > self._high and not self._is_write_paused:
            self._is_write_paused = True
            self._connection.pause_writing()

    def write_eof(self):
        if self._queued:
            self._wants_eof = True
        elif not self._is_over and not self._is_broken:
            shutdown(self._fd, SHUT_WR)

    def pause_reading(self):
        self._is_paused = True
        self._watch()

    def resume_reading(self):
        self._is_paused = False
        self._free_large_read()
        self._watch()

    def close(self):
        if self._is_closing or self._is_over:
            return
        self._is_closing = True
        if self._queued:
            self._watch()
        else:
            self.abort()

    def abort(self):
        if not self._is_over:
            self._is_over = True
            self._free_large_read()
            self._poller.ignore(self._fd)
            self._poller.lost(self)

    cdef stop(self):
        self.abort()

    def set_protocol(self, Connection connection not None):
        """Tell ``connection`` from now on.  Who was told is in the middle of that, as a rule, and a call in C keeps nobody alive."""
        self._poller.loop.call_soon(id, self._connection)
        self._connection = connection

    # --- what happens

    cdef lose(self):
        cdef Connection connection = self._connection
        self._connection = None
        self._queue = None
        self._queued = 0
        try:
            connection.connection_lost(OSError(self._problem, os.strerror(self._problem)) if self._problem else None)
        finally:
            c_close(self._fd)
            self._fd = -1

    cdef _watch(self):
        """Tell epoll what is of interest now; resets and errors are always told."""
        cdef uint32_t wanted = 0
        if not self._is_paused and not self._is_closing and not self._is_ended:
            wanted |= EPOLLIN
        elif self._is_reset:
            wanted |= EPOLLET  # epoll would tell of it without end
        if self._queued:
            wanted |= EPOLLOUT
        if wanted != self._watched and not self._is_over:
            self._watched = wanted
            self._poller.control(EPOLL_CTL_MOD, self._fd, wanted)

    cdef on_event(self, uint32_t events, char* buffer):
        cdef ssize_t size
        cdef PyObject* raw
        cdef int problem
        cdef bint is_large
        cdef bytes data = None
        if events & EPOLLOUT:
            self._flush()
        if self._is_over or not events & (EPOLLIN | EPOLLERR | EPOLLHUP):
            return
        if self._is_paused or self._is_closing or self._is_ended:
            if events & (EPOLLERR | EPOLLHUP):
                self._on_reset()
            return
        is_large = self._is_bulk and self._poller.stuck < STUCK_READS
        if is_large:
            # In the middle of something large the bytes go where they stay, which saves a copy.
            raw = new_bytes(NULL, BULK_READ)
            size = recv(self._fd, PyBytes_AS_STRING(<object> raw), BULK_READ, MSG_DONTWAIT)
            problem = errno
            self._is_bulk = size >= BULK
            if 0 < size < BULK_READ:
                _PyBytes_Resize(&raw, size)
            data = <bytes> raw
            Py_DECREF(data)
        else:
            size = recv(self._fd, buffer, READ_SIZE, MSG_DONTWAIT)
            problem = errno
            if size > 0:
                self._is_bulk = size == READ_SIZE
                data = PyBytes_FromStringAndSize(buffer, size)
        if size > 0:
            self._connection.data_received(data)  # of whatever kind it is: looked up in C
            if is_large and self._is_paused and not self._is_over:
                self._is_stuck = True
                self._poller.stuck += 1
        elif size == 0:
            if self._connection.eof_received():
                self._is_ended = True
                self._watch()
            else:
                self.close()
        elif problem != EAGAIN and problem != EINTR:
            self._problem = problem
            self.abort()

    cdef _free_large_read(self):
        """Reading goes on, or never will: what was read last is with the peer.  One that was too slow is read for in smaller pieces."""
        if self._is_stuck:
            self._is_stuck = self._is_bulk = False
            self._poller.stuck -= 1

    cdef _on_reset(self):
        """The peer has left while nobody reads: the end, unless what it sent before is still to be read."""
        if self._is_closing or self._is_ended or not self._connection.keeps_rest():
            self.abort()
        else:
            self._is_reset = True
            self._watch()

    cdef _on_broken(self):
        """The peer takes no more: nothing is queued for it any more, and reading will tell the end."""
        self._queue = None
        self._queued = 0
        self._is_broken = True
        if self._is_closing:
            self.abort()
            return
        self._connection.on_broken()
        if self._is_write_paused and not self._is_over:
            self._is_write_paused = False
            self._connection.resume_writing()
        self._watch()

    cdef _flush(self):
        cdef bytes data
        cdef ssize_t sent
        cdef int problem
        while self._queued:
            data = self._queue[0]
            sent = c_send(self._fd, PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data), MSG_DONTWAIT | MSG_NOSIGNAL)
            if sent < 0:
                problem = errno
                if problem != EAGAIN and problem != EINTR:
                    self._problem = problem
                    self._on_broken()
                    return
                break
            self._queued -= sent
            if sent == PyBytes_GET_SIZE(data):
                del self._queue[0]
            else:
                self._queue[0] = data[sent:]
        if self._queued <= self._low and self._is_write_paused:
            self._is_write_paused = False
            self._connection.resume_writing()
        if not self._queued and not self._is_over:
            if self._wants_eof:
                self._wants_eof = False
                shutdown(self._fd, SHUT_WR)
            if self._is_closing:
                self.abort()
                return
        self._watch()


cdef class Poller:
    """The epoll set of one worker."""

    def __cinit__(self, loop):
        self.loop = loop
        self._handlers, self._lost, self.turn = [], [], Turn(loop)
        keep_memory()
        self._buffer = <char*> malloc(READ_SIZE)
        self._epfd = epoll_create1(EPOLL_CLOEXEC)
        if self._buffer == NULL or self._epfd < 0:
            raise MemoryError
        loop.add_reader(self._epfd, self.poll)

    def __dealloc__(self):
        free(self._buffer)

    def listen(self, sock, factory):
        """Accept on ``sock``, which is taken over; returns what stops it with ``close``."""
        from fastgw.core.net._accepting import Acceptor  # it stands on this module

        sock.setblocking(False)
        return Acceptor(self, sock, factory)

    def adopt(self, sock, protocol):
        """Make ``sock``, connected and non-blocking, the connection of ``protocol``; the socket is taken over.

        Raises:
            TypeError: ``protocol`` is no ``Connection``; the socket stays the caller's.
        """
        cdef Connection connection = <Connection?> protocol
        connection.connection_made(self.connect(sock.detach(), connection))

    def give_back_memory(self):
        """Give the system what has been freed so far: half a MiB after a start."""
        malloc_trim(0)

    def close(self):
        """Watch nothing any more."""
        if self._epfd >= 0:
            self.loop.remove_reader(self._epfd)
            c_close(self._epfd)
            self._epfd = -1

    cdef Handler connect(self, int fd, Connection connection):
        cdef SocketTransport transport = SocketTransport.__new__(SocketTransport, self, fd)
        transport._connection = connection
        transport._watched = EPOLLIN
        self.remember(fd, transport, EPOLLIN)
        return transport

    cdef remember(self, int fd, Handler handler, uint32_t events):
        while len(self._handlers) <= fd:
            self._handlers.extend([None] * 64)
        self._handlers[fd] = handler
        self.control(EPOLL_CTL_ADD, fd, events)

    cdef ignore(self, int fd):
        """Hear of ``fd`` no more; closing it, soon, takes it out of the set (epoll(7)), as nobody else holds what it stands for."""
        self._handlers[fd] = None

    cdef forget(self, int fd):
        self._handlers[fd] = None
        self.control(EPOLL_CTL_DEL, fd, 0)

    cdef control(self, int operation, int fd, uint32_t events):
        cdef epoll_event event
        event.events = events
        event.data.fd = fd
        if self._epfd >= 0 and epoll_ctl(self._epfd, operation, fd, &event) < 0:
            raise OSError(errno, "epoll_ctl")

    cdef lost(self, Handler handler):
        """Call ``lose`` of ``handler`` later, past the loop, whose callbacks are a tenth of what a short connection costs."""
        if not self.turn.is_open and not self._lost:
            self.loop.call_soon(self._lose)
        self._lost.append(handler)

    def poll(self):
        """Handle every socket that is ready."""
        self.turn.is_open = True
        try:
            self._handle()
        finally:
            self.turn.end()  # and behind it, as writing may find that a connection is lost
            self._lose()

    def _lose(self):
        cdef Handler handler
        while self._lost:
            lost, self._lost = self._lost, []
            for handler in lost:
                try:
                    handler.lose()
                except Exception as error:
                    self.loop.call_exception_handler({"message": "a connection failed", "exception": error})

    cdef _handle(self):
        cdef epoll_event events[EVENTS]
        cdef int count = epoll_wait(self._epfd, events, EVENTS, 0)
        cdef int place
        cdef Handler handler
        for place in range(count):
            handler = self._handlers[events[place].data.fd]
            if handler is None:
                continue  # gone in this turn, or about to be closed
            try:
                handler.on_event(events[place].events, self._buffer)
            except Exception as error:  # one connection's failure must not keep the others waiting
                self.loop.call_exception_handler({"message": "a connection failed", "exception": error})
                handler.stop()
