from fastgw.wire cimport _scan as scan
from fastgw.wire.fields cimport FieldTable
from fastgw.wire.messages cimport Response


cpdef read_response(bytes head, Response response, FieldTable table, int head_count, bint to_head)
