from __future__ import annotations

from fastgw.config import likeness


def test_the_nearest_word_is_found_by_likeness_or_letter_case() -> None:
    assert likeness.nearest("Idle-Timeout", ["idle_timeout"]) == "; did you mean 'idle_timeout'?"
    assert likeness.nearest("endpoint", ["endpoints", "balance"]) == "; did you mean 'endpoints'?"
    assert likeness.nearest("zzz", ["endpoints", "balance"]) == ""
    assert likeness.nearest("x" * 10_000, ["endpoints"]) == ""


def test_what_other_programs_call_a_key_is_known() -> None:
    assert likeness.meant_key("upstreams", ["services", "routes"]) == "services"
    assert likeness.meant_key("Proxy_Pass", ["service", "path"]) == "service"
    assert likeness.meant_key("pathh", ["service", "path"]) == "path"
    assert likeness.meant_key("plugins", ["path"]) == ""
