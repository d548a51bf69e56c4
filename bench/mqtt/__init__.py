"""Tunnels of MQTT: conformance."""
