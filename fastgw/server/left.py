"""The files of a configuration that was left, because a guard had found that it does harm (``server.reload_guard``).

It still is on the disk, and a gateway that watches its files must not take it up again because a certificate beside it is renewed.
What did the harm is among the files that were other than those of the configuration before.  While all of them are as they were, the
one on the disk is the one that was left.
"""

from __future__ import annotations

from collections.abc import Mapping

from fastgw.config.loaded_files import LoadedFiles, digest_of


def suspects(left: LoadedFiles, before: LoadedFiles) -> dict[str, str]:
    """The files of ``left`` that ``before`` had with another content or not at all, with their digests; empty: there are none, so
    nothing on the disk did the harm."""
    return {path: content for path, content in left.files.items() if before.files.get(path) != content}


def are_there(files: Mapping[str, str]) -> bool:
    """Are there files, and is the content of each as its digest says?  It reads them."""
    return bool(files) and all(digest_of(path) == content for path, content in files.items())


def together(*each: Mapping[str, str]) -> LoadedFiles:
    """What is to be watched where the configuration on the disk is not the one in use: the files of both, as the last of them that has
    one read it."""
    found = LoadedFiles(is_wanted=True)
    for files in each:
        found.files |= files
    return found
