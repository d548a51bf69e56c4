"""``fastgw check --online`` with real etcds: what they say of credentials, certificates and prefixes."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.support.certificates import Authority
from tests.support.etcd import EtcdServer

pytestmark = [pytest.mark.integration, pytest.mark.needs("etcd", "etcdctl")]


def service(name: str, url: str, prefix: str, more: str = "") -> str:
    return f'  {name}: {{discovery: {{etcd: {{endpoints: ["{url}"], prefix: {prefix}{more}}}}}}}\n'


def test_what_is_wrong_with_an_etcd_is_told(tmp_path: Path, python: str) -> None:
    authority, other = Authority(tmp_path / "a"), Authority(tmp_path / "b")
    files = [authority.ca, *authority.pair("etcd", "127.0.0.1", "localhost")]
    open_to, guarded = EtcdServer(tls=files), EtcdServer()
    try:
        open_to.start()
        guarded.start()
        open_to.ctl("put", "/services/vision/10.0.0.1:9000", "active")
        open_to.ctl("put", "/services/vision/nonsense", "active")
        for command in (
            "user add root:rootpw",
            "user grant-role root root",
            "role add reader",
            "role grant-permission --prefix=true reader read /services/vision/",
            "user add fastgw:secret",
            "user grant-role fastgw reader",
            "role add writer",
            "role grant-permission --prefix=true writer readwrite /services/gateways/",
            "user add registrar:secret",
            "user grant-role registrar writer",
            "put /services/vision/10.0.0.1:9000 active",
            "auth enable",
        ):
            guarded.ctl(*command.split())
        tls = ", tls: {{ca: {}, cert: {}, key: {}}}"
        path = tmp_path / "gw.yaml"
        path.write_text(
            "listeners: [{address: '127.0.0.1:18080'}]\nroutes: [{path: /*, service: fine}]\nservices:\n"
            + service("fine", guarded.url, "/services/vision", ", user: fastgw, password: secret")
            + service("password", guarded.url, "/services/vision", ", user: fastgw, password: guess")
            + service("user", guarded.url, "/services/vision")
            + service("right", guarded.url, "/services/text", ", user: fastgw, password: secret")
            + service("skips", open_to.url, "/services/vision", tls.format(*files))
            + service("prefix", open_to.url, "/services/vison", tls.format(*files))
            + service("authority", open_to.url, "/services/vision", tls.format(other.ca, *files[1:]))
            + service("stranger", open_to.url, "/services/vision", f", tls: {{ca: {files[0]}}}")
        )
        path.write_text(
            path.read_text().replace("address: ", "name: edge, address: ")
            + f"registration: {{etcd: {{endpoints: ['{guarded.url}'], user: registrar, password: secret}}, listeners: "
            + "[{listener: edge, service: gateways}, {listener: edge, service: others}]}\n"
        )
        done = subprocess.run(
            [python, "-m", "fastgw", "check", "--online", "--format", "json", str(path)], capture_output=True, text=True
        )
        assert guarded.ctl("--user", "root:rootpw", "get", "--prefix", "--keys-only", "/").split() == [
            "/services/vision/10.0.0.1:9000"
        ]
    finally:
        open_to.close()
        guarded.close()
    assert done.returncode == 1, done.stderr
    told = json.loads(done.stdout)
    found = {one["paths"][0].split(".")[1]: one for one in told["references"]}
    registered = found.pop("etcd")  # the first service may be registered, the second not
    assert registered["cause"] == "denied" and registered["said"].startswith("members of others cannot be registered: ")
    assert (found["fine"]["state"], found["fine"]["members"]) == ("fine", 1)
    assert [found[name]["cause"] for name in ("password", "user", "right")] == ["denied"] * 3
    assert "invalid user ID or password" in found["password"]["said"]
    assert "user name is empty" in found["user"]["said"] and "permission denied" in found["right"]["said"]
    assert found["authority"]["cause"] == "tls" and "certificate" in found["authority"]["said"]
    assert found["stranger"]["cause"] in ("tls", "broken")
    [skipped] = found["skips"]["warnings"]
    assert skipped.startswith("1 entry is no member: /services/vision/nonsense: 'nonsense' has no port")
    assert found["prefix"]["warnings"] == [
        "it lists nobody; under /services/ there are vision/; did you mean 'vision/'?"
    ]
    assert sum(one["severity"] == "error" for one in told["problems"]) == 6
