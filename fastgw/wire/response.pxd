from fastgw.wire.messages cimport Response


cpdef read_response(bytes head, Response response, object table, int head_count, bint to_head)
