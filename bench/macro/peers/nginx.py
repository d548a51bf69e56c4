"""nginx: one worker, kept connections to the service, one location for each route."""

from __future__ import annotations

from bench.macro.peers.base import Launch, Peer, first_line, not_installed
from bench.macro.scenario import Wiring

# Limits that would close kept connections in the middle of a run are lifted on both sides.
CONFIG = """
daemon off; worker_processes 1; pid {directory}/nginx.pid; error_log {directory}/error.log error; user root;
worker_rlimit_nofile 20000;
events {{ worker_connections 19000; }}
http {{
  access_log off; server_tokens off;
  keepalive_timeout 75s; keepalive_requests 1000000000;
  client_body_temp_path {directory}/body; proxy_temp_path {directory}/proxy; fastcgi_temp_path {directory}/f;
  uwsgi_temp_path {directory}/u; scgi_temp_path {directory}/s;
  client_max_body_size 64m; client_body_buffer_size 128k; large_client_header_buffers 4 32k;
  map_hash_bucket_size 256; server_names_hash_bucket_size 128;
  upstream app {{
{servers}
    keepalive {keepalive}; keepalive_requests 1000000000; keepalive_timeout 60s;
  }}
  server {{
    listen 127.0.0.1:{port}{tls} backlog=4096;
    {certificates}
    proxy_http_version 1.1;
    proxy_set_header Host $http_host;
    proxy_set_header Connection "";
    proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
    proxy_set_header X-Forwarded-Proto $scheme;
    {fields}
    {extra}
{locations}
    location / {{ return 404; }}
  }}
}}
"""
#: What the contract asks for besides the two above.
FIELDS = """
    proxy_set_header X-Forwarded-Host $http_host;
    proxy_set_header Via "1.1 nginx";
    proxy_set_header X-Request-Id $request_id;
    add_header X-Request-Id $request_id always;
"""
# Bodies of a megabyte: passed on as they come, as the other gateways do, through the buffers that cost it least here
# (0.38 ms per MB; 0.9-1.1 with buffering on and 16 x 64 KB, 0.5 with 64 KB and buffering off).
BIG_BODIES = """
    proxy_request_buffering off; client_body_buffer_size 1m;
    proxy_buffering off; proxy_buffer_size 256k; proxy_buffers 8 256k; proxy_busy_buffers_size 256k;
"""


class Nginx(Peer):
    """The reference of every ratio."""

    name = "nginx"
    title = "nginx"
    fields = FIELDS

    def missing(self) -> str:
        """Debian's package is enough."""
        return not_installed("nginx")

    def version(self) -> str:
        """Such as ``nginx/1.22.1``."""
        return first_line("nginx", "-v").removeprefix("nginx version: ")

    def prepare(self, wiring: Wiring) -> Launch:
        """Write ``nginx.conf``."""
        scenario = wiring.scenario
        extra = "proxy_buffering off;" if scenario.streaming else BIG_BODIES if scenario.big_bodies else ""
        text = CONFIG.format(
            directory=wiring.directory,
            port=wiring.port,
            tls=" ssl" if scenario.tls else "",
            certificates=(
                f"ssl_certificate {wiring.certificate}; ssl_certificate_key {wiring.key};" if scenario.tls else ""
            ),
            servers="\n".join(f"    server {address};" for address in wiring.endpoints),
            keepalive=max(1024, 4 * scenario.endpoints),
            fields=self.fields,
            extra=extra,
            locations="\n".join(
                f"    location {'= ' if route.exact else ''}{route.path} {{ proxy_pass http://app; }}"
                for route in wiring.routes
            ),
        )
        path = wiring.directory / "nginx.conf"
        path.write_text(text)
        return Launch(
            ("nginx", "-p", str(wiring.directory), "-e", str(wiring.directory / "error.log"), "-c", str(path))
        )


class NginxLean(Nginx):
    """nginx with two fields about the client and nothing else: less work than everybody's, to show what the rest costs."""

    name = "nginx-lean"
    title = "nginx, two fields only"
    is_plain_proxy = False
    fields = ""
