"""Floor 1: the data plane of one worker. Read ``exchange`` first, then the two connections and the pool."""
