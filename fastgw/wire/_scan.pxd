from fastgw.wire.fields cimport FieldTable
from fastgw.wire.messages cimport Request, Response


cpdef scan_request(bytes head, Request request, FieldTable table, int head_count)
cpdef scan_response(bytes head, Response response, FieldTable table, int head_count)
cpdef Py_ssize_t find_head_end(bytes data, Py_ssize_t start) noexcept
cpdef bytes cut(bytes data, Py_ssize_t start, Py_ssize_t stop)
cpdef bytes join(tuple pieces)
cpdef bytes pair(bytes first, bytes second)
cpdef bytes framed(bytes data)
cpdef bint scan_target(bytes target, Request request) except -1
cpdef long long scan_chunk_line(bytes data, Py_ssize_t at) noexcept
