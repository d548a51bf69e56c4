"""HTTP/1 on both sides: the client's connection, the connection to a service, and the pool of those."""
