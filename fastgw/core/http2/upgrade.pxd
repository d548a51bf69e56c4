from fastgw.core.http2.carrier cimport Http2Carrier


cdef class UpgradeCarrier(Http2Carrier):
    cdef _hand_on(self, bytes payload)
