"""MQTT through the gateway: clients over TCP or over WebSocket, brokers over TCP, and between them a tunnel that reads packets."""
