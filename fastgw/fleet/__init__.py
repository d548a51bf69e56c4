"""One configuration for many gateways, kept in etcd.

    records         the keys and what their values say, which everybody reads and writes
    store           the configurations, pushed, read and listed
    coordinating    what follows for the fleet from what is known of it
    coordinator     the part of every node in that: who leads, and writes it
    follower        a node: it does what is wanted of it, and says so (reporting); copies: what it has on its disk
    start           what a node begins with

A gateway never fails because of etcd: what is wrong there is told, and it goes on with what it has.
"""
