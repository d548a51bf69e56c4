"""Which code of others has changed since it was imported."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import ModuleType

import pytest

from fastgw import imported, plugins


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where modules are found, and forgotten again."""
    monkeypatch.setattr(imported, "_CODE", {})
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "modules", dict(sys.modules))
    return tmp_path


def later(file: Path) -> None:
    """As if it was written a second later."""
    about = file.stat()
    os.utime(file, ns=(about.st_atime_ns, about.st_mtime_ns + 1_000_000_000))


def test_what_a_plugin_has_brought_is_looked_at(folder: Path) -> None:
    (folder / "helper_of_it.py").write_text("x = 1\n")
    (folder / "plugin_of_it.py").write_text("import helper_of_it\n\n\nclass One:\n    pass\n")
    plugins.find("plugin_of_it:One", plugins.FILTERS)
    assert imported.changed() == ()
    later(folder / "helper_of_it.py")
    assert imported.changed() == ("helper_of_it",)
    (folder / "plugin_of_it.py").write_text("class Two:\n    pass\n")
    assert set(imported.changed()) == {"helper_of_it", "plugin_of_it"}
    plugins.find("plugin_of_it:One", plugins.FILTERS)  # what is imported is not looked at anew
    assert set(imported.changed()) == {"helper_of_it", "plugin_of_it"}


def test_one_whose_import_fails_counts_with_what_it_had_imported(folder: Path) -> None:
    (folder / "helper_of_it.py").write_text("x = 1\n")
    (folder / "plugin_of_it.py").write_text("import helper_of_it\n\nraise ValueError('no')\n")
    with pytest.raises(plugins.PluginError):
        plugins.find("plugin_of_it:One", plugins.FILTERS)
    later(folder / "helper_of_it.py")
    later(folder / "plugin_of_it.py")  # which is imported anew as soon as somebody asks for it
    assert imported.changed() == ("helper_of_it",)


def test_what_is_gone_has_no_file_or_is_ours_has_not_changed(folder: Path) -> None:
    (folder / "plugin_of_it.py").write_text("One = 1\n")
    plugins.find("plugin_of_it:One", plugins.FILTERS)
    (folder / "plugin_of_it.py").unlink()
    sys.modules["made_of_it"] = ModuleType("made_of_it")
    imported.note(["made_of_it", "fastgw.errors", "never_imported"])
    assert imported.changed() == ()
    assert list(imported._CODE) == ["plugin_of_it"]


def test_the_number_of_modules_is_bounded(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imported, "NOTED_MAX", 1)
    imported.note(["json", "json.decoder"])
    imported.note(["json.encoder"])
    assert list(imported._CODE) == ["json"]
