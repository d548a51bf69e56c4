from fastgw.wire cimport _scan as scan
from fastgw.wire.fields cimport FieldTable
from fastgw.wire.messages cimport Response

# Constants of the module, and those it imports, as C: compared without making an int of what is compared.
cdef int BODY_CHUNKED, BODY_LENGTH, BODY_NONE, BODY_UNTIL_CLOSE


cpdef read_response(bytes head, Response response, FieldTable table, int head_count, bint to_head)
