"""HAProxy: one thread, routes in two map files (exact and prefix)."""

from __future__ import annotations

from bench.macro.peers.base import Launch, Peer, first_line, not_installed
from bench.macro.scenario import Wiring

CONFIG = """
global
  nbthread 1
  maxconn 12000
  no strict-limits
  log stdout local0 err
  no-memory-trimming
defaults
  mode http
  timeout connect 5s
  timeout client 75s
  timeout server 120s
  timeout http-keep-alive 75s
  option http-keep-alive
  http-reuse always
frontend edge
  bind 127.0.0.1:{port}{tls} backlog 4096
  unique-id-format %[uuid()]
  http-request set-header X-Request-Id %[unique-id]
  http-request set-header X-Forwarded-Proto {scheme}
  http-request set-header X-Forwarded-Host %[req.hdr(host)]
  http-request set-header Via "1.1 haproxy"
  option forwardfor
  http-response set-header X-Request-Id %[unique-id]
  use_backend %[path,map_str({directory}/exact.map)] if {{ path,map_str({directory}/exact.map) -m found }}
  use_backend %[path,map_beg({directory}/prefix.map)] if {{ path,map_beg({directory}/prefix.map) -m found }}
  default_backend nothing
backend nothing
  http-request deny deny_status 404
backend app
  balance {balance}
{servers}
"""


class Haproxy(Peer):
    """The other C gateway."""

    name = "haproxy"
    title = "HAProxy"

    def missing(self) -> str:
        """Debian's package is enough."""
        return not_installed("haproxy")

    def version(self) -> str:
        """Such as ``HAProxy version 2.6.12``."""
        return " ".join(first_line("haproxy", "-v").split()[:3])

    def prepare(self, wiring: Wiring) -> Launch:
        """Write ``haproxy.cfg`` and the maps."""
        directory, scenario = wiring.directory, wiring.scenario
        tls = ""
        if scenario.tls:
            both = directory / "both.pem"
            both.write_text(wiring.certificate.read_text() + wiring.key.read_text())
            tls = f" ssl crt {both}"
        for name, exact in (("exact", True), ("prefix", False)):
            lines = "".join(f"{route.path} app\n" for route in wiring.routes if route.exact is exact)
            (directory / f"{name}.map").write_text(lines)
        text = CONFIG.format(
            directory=directory,
            port=wiring.port,
            tls=tls,
            scheme="https" if scenario.tls else "http",
            balance="roundrobin" if scenario.endpoints > 1 else "first",
            servers="\n".join(
                f"  server s{n} {address} pool-max-conn 1024 maxconn 4096" for n, address in enumerate(wiring.endpoints)
            ),
        )
        path = directory / "haproxy.cfg"
        path.write_text(text)
        return Launch(("haproxy", "-db", "-f", str(path)))
