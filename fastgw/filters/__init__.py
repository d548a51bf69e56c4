"""Floor 2: one file, one filter.  ``config/filters`` has the entry of each, which names what makes it."""
