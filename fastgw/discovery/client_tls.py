"""TLS with a registry."""

from __future__ import annotations

import ssl

from fastgw.core.causes import words
from fastgw.core.sources import ClientTls
from fastgw.discovery.listing import SourceError


def tls_context(tls: ClientTls) -> ssl.SSLContext:
    """How a registry is talked to; the files are read now.

    Raises:
        SourceError: they cannot be used.
    """
    try:
        context = ssl.create_default_context(cafile=tls.ca or None)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(["http/1.1"])
        if tls.cert:
            context.load_cert_chain(tls.cert, tls.key or None)
    except (OSError, ssl.SSLError) as error:
        files = ", ".join(name for name in (tls.ca, tls.cert, tls.key) if name)
        raise SourceError("tls", f"the files of TLS ({files}) cannot be used: {words(error)}") from None
    return context
