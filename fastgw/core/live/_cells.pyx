"""``Cells`` in C: a compare-and-swap is one instruction of the processor, and no system call.  See ``cells.PlainCells``."""

from libc.stdint cimport uint64_t

import mmap
import os

cdef extern from *:
    """
    #include <stdint.h>
    static inline uint64_t cells_load(uint64_t *word) { return __atomic_load_n(word, __ATOMIC_ACQUIRE); }
    static inline void cells_store(uint64_t *word, uint64_t value) { __atomic_store_n(word, value, __ATOMIC_RELEASE); }
    static inline int cells_swap(uint64_t *word, uint64_t old, uint64_t fresh) {
        return __atomic_compare_exchange_n(word, &old, fresh, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
    }
    """
    uint64_t cells_load(uint64_t* word) nogil
    void cells_store(uint64_t* word, uint64_t value) nogil
    bint cells_swap(uint64_t* word, uint64_t old, uint64_t fresh) nogil


cdef class Cells:
    """See ``cells.PlainCells``."""

    form = 1

    def __init__(self, int fd, Py_ssize_t words):
        self.fd = fd
        self._map = mmap.mmap(fd, words * 8)
        self._words = memoryview(self._map).cast("Q")

    cpdef uint64_t load(self, Py_ssize_t index) except? 0xFFFFFFFFFFFFFFFF:
        return cells_load(&self._words[index])

    cpdef int store(self, Py_ssize_t index, uint64_t value) except -1:
        cells_store(&self._words[index], value)
        return 0

    cpdef bint compare_and_swap(self, Py_ssize_t index, uint64_t old, uint64_t new) except -1:
        return cells_swap(&self._words[index], old, new)

    cpdef close(self):
        if self.fd >= 0:
            self._words = None
            self._map.close()
            os.close(self.fd)
            self.fd = -1
