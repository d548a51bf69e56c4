"""Services that register themselves in etcd, where gateways find them (``fastgw.discovery.etcd``).

    async with register("vision", "10.0.0.5:9000", "http://127.0.0.1:2379"):
        ...  # serve

    registering    a key that is there as long as its service: leases, their loss, the end
    wrapped        the same for any program, as ``fastgw register`` runs it

A service never fails because of the registry: what is wrong there is logged, and tried again.
"""

from fastgw.registration.registering import Registration, register

__all__ = ["Registration", "register"]
