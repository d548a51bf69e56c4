"""The smallest thing that each server serves: one greeting in JSON."""
