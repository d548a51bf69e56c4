"""Copies of requests, for a service whose answers nobody sees."""
