"""Requests whose body names a model: which, where that leads, what it is called there, and who answers in its place."""
