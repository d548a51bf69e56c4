"""Reverse proxies made of the standard library alone: what one would write first, done honestly."""
