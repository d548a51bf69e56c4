"""Floor 2: one file, one transformer, and what several of them need.  ``config/transformers`` has the entry of each."""
