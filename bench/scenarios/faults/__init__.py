"""Services that fail behind a gateway: what users notice of it, with each policy and without; see `docs/scenarios.md`."""
