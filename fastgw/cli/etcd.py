"""What commands have in common that ask an etcd for a fleet: where it is, who asks, and the key."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from fastgw.core.sources import EtcdSettings
    from fastgw.fleet.records import FleetKeys
    from fastgw.fleet.start import FleetOptions

PASSWORD: Final = "FASTGW_ETCD_PASSWORD"  # nosec B105  # the name of a variable
ENDPOINTS: Final = "FASTGW_ETCD"
KEY: Final = "FASTGW_KEY"
TIMEOUT: Final = 5.0  #: seconds for one question


def add_etcd(parser: argparse.ArgumentParser, about: str = "etcd") -> None:
    """Its arguments: ``etcd``, ``key``, ``etcd_user``, ``etcd_ca``, ``etcd_cert`` and ``etcd_key``."""
    where = parser.add_argument_group(about)
    where.add_argument(
        "--etcd", default=None, metavar="URLS", help=f"endpoints of one cluster, with commas; ${ENDPOINTS} without it"
    )
    where.add_argument(
        "--key", default=None, metavar="KEY", help=f"of the fleet, such as /fastgw/edge; ${KEY} without it"
    )
    where.add_argument("--etcd-user", default="", metavar="NAME", help=f"who asks; the password is in ${PASSWORD}")
    where.add_argument(
        "--etcd-ca", default="", metavar="FILE", help="authorities for https; those of the system without it"
    )
    where.add_argument("--etcd-cert", default="", metavar="FILE", help="certificate that is shown")
    where.add_argument("--etcd-key", default="", metavar="FILE", help="its key")


def fleet_of(options: argparse.Namespace, environ: Mapping[str, str] = os.environ) -> tuple[EtcdSettings, FleetKeys]:
    """Who is asked, and for which keys.  Raises ValueError: the arguments cannot be used, and why."""
    from fastgw.core.sources import ClientTls, EtcdSettings
    from fastgw.fleet.records import FleetKeys
    from fastgw.registration.etcd import endpoints

    urls, key = options.etcd or environ.get(ENDPOINTS, ""), options.key or environ.get(KEY, "")
    if not urls:
        raise ValueError(f"where is etcd?  --etcd http://HOST:2379 says it, or ${ENDPOINTS}")
    if not key:
        raise ValueError(f"which fleet?  --key /fastgw/NAME says it, or ${KEY}")
    password = environ.get(PASSWORD, "")
    if options.etcd_user and not password:
        raise ValueError(f"there is a user and no password: ${PASSWORD} has it")
    if bool(options.etcd_cert) != bool(options.etcd_key):
        raise ValueError("--etcd-cert and --etcd-key need each other")
    tls = ClientTls(options.etcd_ca, options.etcd_cert, options.etcd_key)
    found = endpoints(urls)
    if any((options.etcd_ca, options.etcd_cert)) and not all(one.is_tls for one in found):
        raise ValueError("there are files for TLS, and an endpoint that is no https://")
    return EtcdSettings(found, "", options.etcd_user, password if options.etcd_user else "", tls, TIMEOUT), FleetKeys(
        key
    )


def add_node(parser: argparse.ArgumentParser) -> None:
    """The arguments of a gateway that is a node of a fleet: those of ``add_etcd``, ``node`` and ``copy``."""
    add_etcd(parser, "configuration of a fleet, from etcd instead of a file")
    parser.add_argument("--node", metavar="NAME", help="of this gateway in the fleet; that of the host without it")
    parser.add_argument(
        "--copy",
        metavar="FILE",
        help="where the configuration stands here; without it NAME.etcd.yaml, of the key, in $STATE_DIRECTORY or here",
    )
    parser.add_argument(
        "--trust",
        metavar="FILE",
        help="what a configuration from etcd may name of this machine, and whom it may speak to",
    )


def is_of_fleet(options: argparse.Namespace, environ: Mapping[str, str] = os.environ) -> bool:
    """Does a gateway get its configuration from etcd?  Raises ValueError: nobody can say."""
    of_file = {"--node": options.node, "--copy": options.copy, "--key": options.key, "--trust": options.trust}
    if options.config:
        wrong = "--etcd" if options.etcd else next((name for name, given in of_file.items() if given), "")
        if wrong:
            raise ValueError(f"{wrong} is for a configuration in etcd, and there is a file: give one of them")
        return False
    if not options.etcd and not environ.get(ENDPOINTS):
        raise ValueError("there is no configuration: -c FILE, or --etcd URLS and --key KEY")
    if options.check:
        raise ValueError("--check is for a file; `fastgw config push` checks what goes to etcd")
    return True


def node_of(options: argparse.Namespace, environ: Mapping[str, str] = os.environ) -> FleetOptions:
    """What a gateway of a fleet is told.  Raises ValueError; ConfigError: what says how far a configuration is trusted is wrong."""
    from socket import gethostname

    from fastgw.config.trust import TrustRules, read_trust
    from fastgw.fleet.records import node_name
    from fastgw.fleet.start import FleetOptions

    settings, keys = fleet_of(options, environ)
    name = keys.root.rpartition("/")[2]
    folder = environ.get("STATE_DIRECTORY", "").partition(":")[0]
    copy = options.copy or os.path.join(folder, f"{name}.etcd.yaml")
    node = node_name(options.node or gethostname())
    trust = read_trust(options.trust, environ) if options.trust else TrustRules()
    return FleetOptions(settings, keys, node, os.path.abspath(copy), trust)
