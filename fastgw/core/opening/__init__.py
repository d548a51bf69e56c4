"""What comes before a protocol is spoken on a connection: the PROXY header of a load balancer, and the TLS handshake."""
