"""What answers behind the interface of a pool and its carriers without being a service that speaks HTTP."""
