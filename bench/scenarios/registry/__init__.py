"""What the scenarios of discovery stand on: a cluster of etcd, and services that register themselves in it."""
