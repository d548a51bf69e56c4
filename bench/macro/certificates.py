"""A self-signed certificate for the TLS case: ECDSA P-256, as most sites have."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from bench.macro.errors import BenchError
from bench.macro.paths import BUILD


def self_signed() -> tuple[Path, Path]:
    """Certificate and key files, made once.  BenchError without ``openssl``."""
    certificate, key = BUILD / "certificate.pem", BUILD / "key.pem"
    if certificate.exists() and key.exists():
        return certificate, key
    openssl = shutil.which("openssl")
    if openssl is None:
        raise BenchError("no openssl to make a certificate with")
    BUILD.mkdir(exist_ok=True)
    kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "3650"]
    names = ["-subj", "/CN=edge.example", "-addext", "subjectAltName=DNS:edge.example,IP:127.0.0.1"]
    files = ["-keyout", str(key), "-out", str(certificate)]
    done = subprocess.run([openssl, "req", "-x509", *kind, *names, *files], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise BenchError(f"openssl: {done.stderr.strip()[-300:]}")
    return certificate, key
