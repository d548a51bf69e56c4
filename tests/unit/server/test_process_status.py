"""What is told of workers and of certificates."""

from __future__ import annotations

import time
from pathlib import Path

from fastgw.server.gateway import Gateway
from fastgw.server.process_status import certificate_facts
from tests.support.certificates import Authority

TEXT = """
admin: {address: "127.0.0.1:0"}
listeners:
  - {name: plain, address: "127.0.0.1:0"}
  - {name: secure, address: "127.0.0.2:0", tls: {certificates: [{cert: CERT, key: KEY}]}}
routes: [{path: /*, service: main}]
services: {main: {endpoints: ["127.0.0.1:1"]}}
"""


def test_a_certificate_is_told_as_it_was_when_it_was_read(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    cert, key = authority.pair("edge", "edge.test", days=10)
    file = tmp_path / "gateway.yaml"
    file.write_text(TEXT.replace("CERT", cert).replace("KEY", key))
    gateway = Gateway(str(file), None, {}, [])
    assert certificate_facts(gateway) == []
    gateway.adopt(gateway.plan(gateway.load()))
    [told] = certificate_facts(gateway)
    assert (told.listener, told.file) == ("secure", cert)
    assert abs(told.ends - time.time() - 10 * 86400) < 60
    authority.pair("edge", "edge.test", days=90)
    assert certificate_facts(gateway) == [told]
    gateway.adopt(gateway.plan(gateway.load()))
    assert certificate_facts(gateway)[0].ends > told.ends + 70 * 86400
    gateway.close()
