cimport cython

from fastgw.core.models.asked cimport AskedModel, text_of
from fastgw.filters.usage cimport is_making
from fastgw.policy.learned cimport Learned
from fastgw.wire._json_skim cimport Skim as Skimmed

# Constants that are imported, as C.
cdef int BOTH, COMPLETION_PART, COST_PART, PROMPT_PART
cdef long long MOST, ODD
cdef Py_ssize_t SMALL
cdef tuple _LIMITS
cdef int _N


cdef class Reservation:
    cdef public AskedModel asked
    cdef public str model
    cdef public long long prompt
    cdef public long long completion
    cdef public long long choices
    cdef public long long cost
    cdef public bint is_stated
    cpdef long long of(self, int part) except -1


cdef class Reserving:
    cdef long long _assumed
    cdef long long _bytes_per_token
    cdef bint _is_learned
    cdef dict _known
    @cython.locals(size=Py_ssize_t, images="long long", prompt="long long", model=str, found=Reservation, part=bytes)
    cpdef Reservation of(self, AskedModel asked, bytes path, list parts, object prices)
    @cython.locals(known=Learned, amount=double)
    cpdef learn(self, Reservation reserved, long long completion)
    @cython.locals(place=int, said="long long", choices="long long", guess="long long", known=Learned)
    cdef Reservation _generated(
        self, AskedModel asked, str model, long long prompt, long long stated, long long best_of, long long prompts
    )


@cython.locals(said="long long")
cdef long long _whole(AskedModel asked, int place) except -2

cdef long long _odd(AskedModel asked, bytes key) except -2

cdef long long _of_all(long long amount, long long choices) except -1

@cython.locals(skim=Skimmed, first=bytes, part=bytes)
cpdef AskedModel read(bytes path, list parts, AskedModel known=*)
