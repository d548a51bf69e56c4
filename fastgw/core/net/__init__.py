"""Sockets: what both sides of an exchange are made of, whatever is spoken on them."""
