"""Tunnels of MQTT, whose conformance is tried, and a bridge to a broker: what it costs, and whether it loses anything."""
