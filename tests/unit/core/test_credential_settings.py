"""What proves to a service who asks it."""

from __future__ import annotations

import pickle

from fastgw.core.credential_settings import CredentialSettings


def test_nobody_is_shown_the_value() -> None:
    found = CredentialSettings("authorization", "Bearer sk-1", redact=True)
    assert "sk-1" not in repr(found) and "sk-1" not in f"{found} {(found,)}" and "authorization" in repr(found)
    assert pickle.loads(pickle.dumps(found)) == found != found._replace(value="Bearer sk-2")
