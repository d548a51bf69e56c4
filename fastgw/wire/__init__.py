"""Floor 0: bytes to messages and back.  No event loop, no clock, no chance: what goes in decides what comes out."""
