"""Tests that make up their own input: differential, at every split, and guided by coverage."""
