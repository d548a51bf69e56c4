"""What is tested once, and what in both forms."""

from __future__ import annotations

import re

import pytest

from tests.support.forms import ROOT, compiled, depends_on_form, has_two_forms

UNIT = ROOT / "tests" / "unit"


@pytest.mark.parametrize(
    ("test", "has_two", "depends"),
    [
        ("wire/test_sse.py", True, True),  # Python with C types beside it
        ("wire/test_json_skim.py", True, True),  # C types alone, below a name with a line
        ("routing/test_router.py", False, True),  # imports what is compiled
        ("core/test_plane.py", True, True),
        ("server/test_gateway.py", False, True),
        ("policy/test_hashing.py", False, False),  # does not
        ("core/live/test_holds_stories.py", True, True),  # about no single module
        ("test_structure.py", True, True),
    ],
)
def test_it_is_told_by_the_module_that_a_file_is_about(test: str, has_two: bool, depends: bool) -> None:
    path = UNIT / test
    assert path.exists() and (has_two_forms(path), depends_on_form(path)) == (has_two, depends)


def test_each_compiled_module_that_has_tests_of_its_own_is_tested_in_both_forms() -> None:
    """None is lost by its name, as ``_sockets`` in ``test_sockets.py`` might be."""
    found = []
    for module in compiled():
        *folders, name = module.split(".")[1:]
        paths = (UNIT.joinpath(*folders, f"test_{one}.py") for one in {name, name.lstrip("_")})
        found += [path for path in paths if path.exists()]
    assert len(found) > 50 and all(has_two_forms(path) and depends_on_form(path) for path in found)


def test_what_coverage_is_held_of_is_tested_as_python_whole() -> None:
    """The data plane is where files may be left out of the compiled run: that of Python has all of them."""
    script = (ROOT / "scripts" / "test").read_text()
    [compiled_run] = re.findall(r'stage "tests, compiled" run_tests (.*) \|\|', script)
    [python_run] = re.findall(r'stage "tests, pure, data plane" run_tests (.*) \|\|', script)
    assert '"${plane[@]/#/--had=}"' in compiled_run and "--two-forms" not in compiled_run
    assert '"${plane[@]}"' in python_run and "--had" not in python_run and "--two-forms" not in python_run
