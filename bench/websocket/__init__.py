"""WebSockets: what one costs, and whether a gateway between a service and the Autobahn test suite can be told from none."""
