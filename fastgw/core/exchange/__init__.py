"""One request and its answer, whatever carries them."""
