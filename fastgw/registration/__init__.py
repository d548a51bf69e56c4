"""Services that register themselves in etcd or Consul, where gateways find them (``fastgw.discovery``).

    async with register("vision", "10.0.0.5:9000", "http://127.0.0.1:2379"):
        ...  # serve

    registering    one member that is there as long as its service: its health, the end
    keeping        entries of one registry: put, renewed, lost, taken away
    registry       what a registry is asked for; etcd and consul are two
    wrapped        the same for any program, as ``fastgw register`` runs it

A service never fails because of the registry: what is wrong there is logged, and tried again.
"""

from fastgw.registration.registering import Registration, register

__all__ = ["Registration", "register"]
