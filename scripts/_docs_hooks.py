"""What the site of docs/ has beside the pages: files of the repository that they link to, and a page of every key.

A page of docs/ is read on a forge too, where ``../deploy/x.yaml`` leads to a file.  In the site such a file is copied to
``source/``; a folder is a page that lists what is in it.
"""

from __future__ import annotations

import json
import os
import posixpath
import re
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parent.parent
LINK = re.compile(r"\]\((\.\./[^)#\s]+)(#[^)\s]*)?\)")
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
KEYS = "keys.md"


class Missing(Exception):
    """A page links to a file that is not there."""


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Have the pages that mkdocs.yml has no place for stand at the end of the contents."""
    named = set(re.findall(r"[\w.-]+\.md", json.dumps(config.nav)))
    others = sorted(path.name for path in (ROOT / "docs").glob("*.md") if path.name not in named)
    if others:
        config.nav = [*(config.nav or ()), {"More": others}]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add what the pages link to outside of docs/, and the page of every key."""
    from mkdocs.structure.files import File, Files

    files.append(File.generated(config, KEYS, content=keys(json.loads((ROOT / "docs/fastgw.schema.json").read_text()))))
    wanted = {name for page in (ROOT / "docs").glob("*.md") for name in outside(page.read_text())}
    for name in sorted(wanted):
        path = ROOT / name
        if path.is_dir():
            for one in tracked(name):
                files.append(File.generated(config, target(one), content=shown(one)))
            files.append(File.generated(config, target(name), content=folder(name)))
        elif path.is_file():
            files.append(File.generated(config, target(name), content=shown(name)))
        else:
            raise Missing(f"docs/ links to {name}, which is not there")
    return Files(list({file.src_uri: file for file in files}.values()))


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Lead links to files of the repository to their copies, and leave out what is said to the tests alone."""

    def lead(found: re.Match[str]) -> str:
        return f"]({posixpath.relpath(target(inside(found[1])), posixpath.dirname(page.file.src_uri))}{found[2] or ''})"

    # what says of a block that it is a part of a configuration is for the tests, and unknown to mkdocs
    return re.sub(r"(?m)^```yaml \w+$", "```yaml", LINK.sub(lead, markdown))


def outside(text: str) -> Iterator[str]:
    """The files of the repository that a page links to."""
    for found in LINK.finditer(FENCE.sub("", text)):
        yield inside(found[1])


def inside(link: str) -> str:
    return os.path.normpath(os.path.join("docs", link))


def target(name: str) -> str:
    """Where the site has a file or a folder of the repository."""
    return f"source/{name.replace('/', '-').lstrip('.')}.md"


def tracked(name: str) -> list[str]:
    done = subprocess.run(["git", "ls-files", name], cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.split()


def shown(name: str) -> str:
    """A page that shows a file.  One of Markdown is shown as it is written: its links are relative to where it stands."""
    text = (ROOT / name).read_text(errors="replace")
    kind = {".py": "python", ".yaml": "yaml", ".yml": "yaml", ".json": "json", ".md": "markdown"}.get(
        Path(name).suffix, "text"
    )
    fence = "`" * (1 + max((len(run) for run in re.findall(r"`{3,}", text)), default=2))
    return f"---\nsearch: {{exclude: true}}\n---\n# {name}\n\n{fence}{kind}\n{text}\n{fence}\n"


def folder(name: str) -> str:
    lines = [f"- [{one}]({posixpath.basename(target(one))})" for one in tracked(name)]
    return f"---\nsearch: {{exclude: true}}\n---\n# {name}\n\n" + "\n".join(lines) + "\n"


# -- every key ----------------------------------------------------------------------------------------------------


def keys(schema: Mapping[str, Any]) -> str:
    """A page of tables: each mapping of the configuration with its keys, as the schema has them."""
    parts = [
        "# Every key",
        "",
        "Made from the [JSON Schema](fastgw.schema.json) of the file.",
        "What the keys do together is told in [Configuration](configuration.md).",
        "",
    ]
    parts += table("(top)", schema)
    for name, definition in sorted(schema["$defs"].items()):
        mapping = next((one for one in [definition, *definition.get("anyOf", ())] if "properties" in one), None)
        if mapping is not None:
            parts += table(name, mapping)
    return "\n".join(parts) + "\n"


def table(name: str, mapping: Mapping[str, Any]) -> list[str]:
    rows = [f"## {name}", "", "| key | type | default | meaning |", "|---|---|---|---|"]
    needed = mapping.get("required", ())
    for key, value in mapping["properties"].items():
        default = "required" if key in needed else f"`{json.dumps(value.get('default'))}`" if "default" in value else ""
        rows.append(f"| `{key}` | {kind_of(value)} | {cell(default)} | {cell(value.get('description', ''))} |")
    return [*rows, ""]


def cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def kind_of(value: Mapping[str, Any]) -> str:
    """The type of a value in a few words, with a link to the table of a mapping."""
    if "$ref" in value:
        name = value["$ref"].rpartition("/")[2]
        return f"[{name}](#{re.sub(r'[^a-z0-9_-]', '', name.lower())})"
    if "const" in value:
        return f"`{json.dumps(value['const'])}`"
    if "enum" in value:
        return ", ".join(f"`{one}`" for one in value["enum"])
    if several := value.get("anyOf") or value.get("oneOf") or value.get("allOf"):
        return " or ".join(dict.fromkeys(kind_of(one) for one in several))
    kind = value.get("type", "any")
    if kind == "array":
        return f"list of {kind_of(value.get('items', {}))}"
    if kind == "object":
        more = [*value.get("patternProperties", {}).values(), value.get("additionalProperties")]
        kinds = dict.fromkeys(kind_of(one) for one in more if isinstance(one, dict))
        return f"mapping to {' or '.join(kinds)}" if kinds else "mapping"
    return str(kind) if isinstance(kind, str) else " or ".join(kind)
