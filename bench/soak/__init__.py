"""Hours of mixed traffic with reloads, deaths and aborts: what grows, and what is left at the end (``docs/scenarios.md``)."""
