"""JSON over HTTP to the messages of gRPC and back: descriptors, google.api.http, the JSON mapping of proto3.  Bytes and values only."""
