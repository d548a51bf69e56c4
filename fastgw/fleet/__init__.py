"""One configuration for many gateways, kept in etcd.

    records         the keys and what their values say, which everybody reads and writes
    coordinating    what follows for the fleet from what is known of it

A gateway never fails because of etcd: what is wrong there is told, and it goes on with what it has.
"""
