"""What the other harness has published, read from its sources at run time: figures, dialects, answers.

It keeps them in Rust.  Constants, the arms of a ``match`` over its dialects, and raw strings are all that is looked for;
what is not found is an error with the file and the name, since a figure guessed here would not be theirs.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from bench.macro.errors import BenchError

INGRESS, FRONTIER, SEARCH = "engine/src/ingress.rs", "engine/src/frontier.rs", "engine/src/search.rs"
METRIC, RUN, MOCK = "engine/src/metric.rs", "engine/src/run.rs", "mock/src/main.rs"

_CONSTANT = re.compile(r"\bconst (\w+)\s*:[^=;]+(?:;[^=;]+)?=\s*([^;]+);")
_DEFAULT = re.compile(r'envn\("(\w+)",\s*([\d_]+)\)')
_BYTES = re.compile(r'\bconst (\w+)\s*:\s*&\[u8\]\s*=\s*br#"(.*?)"#;', re.DOTALL)
_TEXT = r'(?:r#"(?P<raw>.*?)"#|"(?P<plain>(?:[^"\\]|\\.)*)")'
_ARM = re.compile(rf"Dialect::(?P<name>\w+)\s*=>\s*\{{?\s*(?P<format>format!\(\s*)?{_TEXT}", re.DOTALL)
_FIELDS = re.compile(
    r"(?P<names>(?:Dialect::\w+\s*\|\s*)*Dialect::\w+)\s*=>\s*\{?\s*vec!\[(?P<fields>.*?)\]", re.DOTALL
)
_FIELD = re.compile(
    r'\(\s*"([^"]+)"\.to_string\(\)\s*,\s*(?:format!\("([^"]*)"\)|"([^"]*)"\.to_string\(\)|(auth)\.to_string\(\))\s*,?\s*\)'
)
_ANSWERS = {
    "openai": "OPENAI",
    "openai-responses": "RESPONSES",
    "anthropic": "ANTHROPIC",
    "gemini": "GEMINI",
    "cohere": "COHERE",
}
_ANSWERS["bedrock"] = "BEDROCK"
#: What their service knows the dialect of a path by, as its comment says.
MARKERS = {
    "openai": "/chat/completions",
    "openai-responses": "/responses",
    "anthropic": "/messages",
    "gemini": "generateContent",
    "bedrock": "/converse",
    "cohere": "/v2/chat",
}


@dataclass(frozen=True, slots=True)
class Dialect:
    """An API, as a client of it asks; ``{model}`` and ``{auth}`` stand in the templates."""

    name: str
    path: str
    body: str
    fields: tuple[tuple[str, str], ...]  #: of the head, for whoever shows that he may
    answer: bytes  #: what the service gives to everybody

    def target(self, model: str) -> str:
        """The path for a model."""
        return self.path.format(model=model)

    def request(self, model: str) -> str:
        """The body for a model."""
        return self.body.format(model=model)

    def head(self, auth: str) -> tuple[tuple[str, str], ...]:
        """Fields with the key in them."""
        return tuple((name, value.format(auth=auth)) for name, value in self.fields)


@dataclass(frozen=True, slots=True)
class Published:
    """Everything that is read; durations in the unit that the name says."""

    dialects: dict[str, Dialect]
    models: bytes  #: the list of models that the service gives
    bounds_us: tuple[int, ...]  #: of the 99th percentile, at which throughput is read
    windows: int  #: of load at each step of the ladder
    memory_concurrency: int
    memory_window_s: float
    memory_trend_pct: float
    memory_range_pct: float
    memory_cap_s: float
    memory_idle_s: float
    memory_recovery_s: float
    stall_multiplier: int
    delivery_ratio: float
    error_ratio: float
    frames: int  #: of content in a stream
    interval_ms: int
    frame_bytes: int


def constants(text: str) -> dict[str, str]:
    """Name -> the text of its value, comments left out."""
    return {name: value.strip() for name, value in _CONSTANT.findall(_without_comments(text))}


def numbers(value: str) -> tuple[float, ...]:
    """The numbers of a value such as ``[1_000, 5_000]``, ``60.0`` or ``Duration::from_secs(20)``."""
    return tuple(float(found.replace("_", "")) for found in re.findall(r"(?<![\w.])\d[\d_]*(?:\.\d+)?", value))


def function(text: str, name: str) -> str:
    """The body of a method, up to the brace that closes it at its indentation; empty without it."""
    found = re.search(rf"\n?( *)pub fn {name}\(.*?\n\1\}}", text, re.DOTALL)
    return found[0] if found else ""


def arms(text: str) -> dict[str, str]:
    """Dialect -> the template of its text; braces that are text are doubled, as in Python's ``str.format``."""
    found = {}
    for arm in _ARM.finditer(_without_comments(text)):
        value = arm["raw"] if arm["raw"] is not None else arm["plain"].replace('\\"', '"')
        found[_kebab(arm["name"])] = value if arm["format"] else value.replace("{", "{{").replace("}", "}}")
    return found


def field_arms(text: str) -> dict[str, tuple[tuple[str, str], ...]]:
    """Dialect -> its fields; the key is ``{auth}``."""
    found = {}
    for arm in _FIELDS.finditer(_without_comments(text)):
        fields = tuple((name, form or plain or "{auth}") for name, form, plain, _ in _FIELD.findall(arm["fields"]))
        for name in re.findall(r"Dialect::(\w+)", arm["names"]):
            found[_kebab(name)] = fields
    return found


def read(checkout: Path) -> Published:
    """Everything that a run needs.  BenchError with the file and what is not in it."""
    ingress, mock = (_text(checkout, name) for name in (INGRESS, MOCK))
    answers = dict(_BYTES.findall(mock))
    defaults = {name: int(value.replace("_", "")) for name, value in _DEFAULT.findall(mock)}

    def number(file: str, name: str) -> tuple[float, ...]:
        value = numbers(constants(_text(checkout, file)).get(name, ""))
        return value or _nothing(checkout, file, name)

    def default(name: str) -> int:
        return defaults.get(name) or _nothing(checkout, MOCK, name)

    paths, bodies = arms(function(ingress, "path")), arms(function(ingress, "body"))
    fields = field_arms(function(ingress, "auth_headers"))
    dialects = {}
    for name, constant in _ANSWERS.items():
        for what, where in ((paths, "path"), (bodies, "body"), (fields, "auth_headers")):
            if name not in what:
                _nothing(checkout, INGRESS, f"{where} of {name}")
        answer = answers.get(constant) or _nothing(checkout, MOCK, constant)
        dialects[name] = Dialect(name, paths[name], bodies[name], fields[name], answer.encode())
    return Published(
        dialects=dialects,
        models=(answers.get("MODELS_OPENAI") or _nothing(checkout, MOCK, "MODELS_OPENAI")).encode(),
        bounds_us=tuple(int(bound) for bound in number(FRONTIER, "P99_BOUNDS_US")),
        windows=int(number(SEARCH, "WINDOWS_PER_RUNG")[0]),
        memory_concurrency=int(number(METRIC, "MEMORY_WINDOW_CONCURRENCY")[0]),
        memory_window_s=number(METRIC, "MEMORY_PLATEAU_WINDOW_S")[0],
        memory_trend_pct=number(METRIC, "MEMORY_TREND_PCT")[0],
        memory_range_pct=number(METRIC, "MEMORY_RANGE_PCT")[0],
        memory_cap_s=number(METRIC, "MEMORY_LOAD_S")[0],
        memory_idle_s=number(METRIC, "MEMORY_IDLE_S")[0],
        memory_recovery_s=number(METRIC, "MEMORY_RECOVERY_S")[0],
        stall_multiplier=int(number(RUN, "STREAM_STALL_MULTIPLIER")[0]),
        delivery_ratio=number(RUN, "STREAM_MIN_DELIVERY_RATIO")[0],
        error_ratio=number(RUN, "STREAM_MAX_ERROR_RATIO")[0],
        frames=default("MOCK_STREAM_CHUNKS"),
        interval_ms=default("MOCK_STREAM_INTERVAL_MS"),
        frame_bytes=default("MOCK_STREAM_CHUNK_BYTES"),
    )


def _text(checkout: Path, name: str) -> str:
    try:
        return (checkout / name).read_text(encoding="utf-8")
    except OSError as error:
        raise BenchError(
            f"{checkout}: no checkout of github.com/GetBusbar/benchmarking: {name}: {error.strerror}"
        ) from None


def _nothing(checkout: Path, file: str, name: str) -> NoReturn:
    raise BenchError(f"{checkout / file}: {name} is not there as it is looked for; another state of the harness?")


def _without_comments(text: str) -> str:
    return re.sub(r"(?m)^\s*//.*$", "", text)


def _kebab(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "-", name).lower()
