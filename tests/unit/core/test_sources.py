"""What sources are told is plain data, which no worker knows."""

from __future__ import annotations

import pickle
import subprocess
import sys

import pytest

from fastgw.core import sources


@pytest.mark.parametrize(
    "one",
    [
        sources.EtcdSettings(((False, "127.0.0.1", 2379),), "/services/vision"),
        sources.ConsulSettings((False, "127.0.0.1", 8500), "vision"),
        sources.DnsSettings("vision.internal", 9000),
        sources.FileSettings("/etc/fastgw/members.yaml"),
        sources.KubernetesSettings("vision", "default"),
    ],
)
def test_settings_are_equal_by_value_and_survive_pickling(one: sources.SourceSettings) -> None:
    whole = sources.DiscoverySettings((one,))
    again = pickle.loads(pickle.dumps(whole))
    assert again == whole and hash(again) == hash(whole)


def test_a_worker_does_not_import_them() -> None:
    code = "import sys, fastgw.server.worker, fastgw.server.serving; sys.exit('fastgw.core.sources' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
