"""What is told of endpoints between processes."""

from __future__ import annotations

import pickle

from fastgw.core.live.news import Finding


def test_news_pass_between_processes() -> None:
    found = Finding("s", "a.test:1", "10.0.0.1:1", False, 12.5, "connect_refused", "Connection refused")
    assert pickle.loads(pickle.dumps(found)) == found
