"""Gateways on Python's web frameworks, as their documentation would have one write them."""
