"""Writes what follows from the table of counters (fastgw/core/counters.py): fastgw/core/_counters.pxd and the table of docs/operations.md.

scripts/counters            write both
scripts/counters --check    write nothing; exit 1 when one of them is not what it would be
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from fastgw.core import (  # noqa: E402 - of this checkout
    answer_counters,  # noqa: F401 - its rows are of the table, as those of the next
    bridge_counters,  # noqa: F401
    counters,
    guardrail_counters,  # noqa: F401
    http2_counters,  # noqa: F401
    key_counters,  # noqa: F401
    limit_counters,  # noqa: F401
    model_counters,  # noqa: F401
    mqtt_counters,  # noqa: F401
    placement_counters,  # noqa: F401
    wasm_counters,  # noqa: F401
    websocket_counters,  # noqa: F401
)
from fastgw.core.blocks import COUNTER, DURATION_BUCKETS, Metric  # noqa: E402
from fastgw.core.labels import METHODS, STATUSES  # noqa: E402
from fastgw.telemetry.facts import FACTS, INFO  # noqa: E402

TYPES = ROOT / "fastgw" / "core" / "_counters.pxd"
PAGE = ROOT / "docs" / "operations.md"
BEGIN = "<!-- scripts/counters writes what follows, out of fastgw/core/counters.py and fastgw/telemetry/facts.py -->\n"
END = "<!-- end -->\n"


def types() -> str:
    """The constants of ``counters`` for the C compiler, and the search for a bucket without a loop."""
    constants = [
        f"    {name} = {value}\n" for name, value in vars(counters).items() if name.isupper() and type(value) is int
    ]
    return "".join(
        [
            '"""``counters`` for the C compiler; scripts/counters writes it, a test compares."""\n\n',
            *_verbatim(),
            "\n\ncdef enum:\n",
            *constants,
            "\n\ncdef inline int bucket_of(long long micros) noexcept nogil:\n",
            *_search(0, len(DURATION_BUCKETS), "    "),
        ]
    )


def _verbatim() -> Iterator[str]:
    """In C: places of statuses as a table, those of methods by their length and first letter."""
    places = {status: place for place, status in enumerate(STATUSES)}
    table = [str(places.get(status, len(STATUSES))) for status in range(600)]
    yield 'cdef extern from *:\n    """\n    #include <string.h>\n'
    yield "    static const unsigned char fastgw_codes[600] = {\n"
    yield from (f"        {', '.join(table[at : at + 30])},\n" for at in range(0, 600, 30))
    yield "    };\n    static inline int fastgw_method(PyObject *method) {\n"
    yield "        const char *at = PyBytes_AS_STRING(method);\n        Py_ssize_t size = PyBytes_GET_SIZE(method);\n"
    for place, name in enumerate(METHODS[:-1]):
        yield f'        if (size == {len(name)} && !memcmp(at, "{name}", {len(name)})) return {place};\n'
    yield f"        return {len(METHODS) - 1};\n    }}\n"
    yield '    """\n    int method_of "fastgw_method"(object method)\n'
    yield '    const unsigned char CODE_PLACES "fastgw_codes"[600]\n'
    yield "\ncdef inline int code_of(int status) noexcept nogil:\n    return CODE_PLACES[status]\n"


def _search(low: int, high: int, indent: str) -> Iterator[str]:
    """Lines that return the bucket, one of ``low`` to ``high``: halves it as bisection does, with bounds known beforehand."""
    if low == high:
        yield f"{indent}return {low}\n"
        return
    middle = (low + high) // 2
    yield f"{indent}if micros <= {DURATION_BUCKETS[middle]}:\n"
    yield from _search(low, middle, indent + "    ")
    yield from _search(middle + 1, high, indent)


def table() -> str:
    """Every metric as a row of a Markdown table, in the order of the page."""
    metrics = [*(metric for metric, _ in FACTS), *(row for block in counters.BLOCKS for row in block if row.name)]
    head = "| metric | type | labels | is |\n|---|---|---|---|\n"
    return head + "".join(_row(metric) for metric in metrics)


def _row(metric: Metric) -> str:
    name = metric.name + {COUNTER: "_total", INFO: "_info"}.get(metric.kind, "")
    kind = "gauge" if metric.kind == INFO else metric.kind
    labels = ", ".join(f"`{label}`" for label in metric.labels)
    values = f" ({', '.join(f'`{value}`' for value in metric.values)})" if 0 < len(metric.values) < 6 else ""
    text = f"{metric.text} {metric.note}".strip()
    return f"| `{name}` | {kind} | {labels}{values} | {text} |\n".replace("|  |", "| |")


def page(text: str) -> str:
    """``text`` with the table between its marks."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{PAGE} has no place for the table: the lines {BEGIN.strip()!r} and {END.strip()!r}")
    return before + BEGIN + table() + END + after


def main(arguments: list[str]) -> int:
    wanted = {TYPES: types(), PAGE: page(PAGE.read_text())}
    stale = [path for path, text in wanted.items() if path.read_text() != text]
    for path in stale:
        if "--check" not in arguments:
            path.write_text(wanted[path])
        print(path.relative_to(ROOT))
    return 1 if stale and "--check" in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
