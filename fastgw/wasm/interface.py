"""Names, numbers and forms of proxy-wasm, ABI 0.2.1 (github.com/proxy-wasm/spec); what 0.2.0 and 0.1.0 have beside it is marked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol

#: What a module exports to say that it is one, the newest first.
MARKERS: Final = ("proxy_abi_version_0_2_1", "proxy_abi_version_0_2_0", "proxy_abi_version_0_1_0")
MODULE: Final = "env"  #: from where the functions of the host are imported
WASI_MODULES: Final = ("wasi_snapshot_preview1", "wasi_unstable")

# proxy_status_t
OK, NOT_FOUND, BAD_ARGUMENT, SERIALIZATION_FAILURE, PARSE_FAILURE = range(5)
INVALID_MEMORY_ACCESS, EMPTY, CAS_MISMATCH = 6, 7, 8
INTERNAL_FAILURE, UNIMPLEMENTED = 10, 12

CONTINUE, PAUSE = 0, 1  #: proxy_action_t

# proxy_buffer_type_t
REQUEST_BODY, RESPONSE_BODY = 0, 1
VM_CONFIGURATION, PLUGIN_CONFIGURATION = 6, 7
BUFFERS: Final = range(9)

# proxy_map_type_t
REQUEST_HEADERS, REQUEST_TRAILERS, RESPONSE_HEADERS, RESPONSE_TRAILERS = range(4)
MAPS: Final = range(8)

LEVELS: Final = ("trace", "debug", "info", "warning", "error", "critical")  #: proxy_log_level_t, in our words
ROOT, STREAM = 1, 2  #: ids of contexts: of the plugin, and of the one exchange that an instance is for

#: What the gateway calls, by the places in which ``guest`` finds them: what is left out of a module is not called.
EXPORTS: Final = (
    "proxy_on_memory_allocate",
    "malloc",
    "_initialize",
    "_start",
    "main",
    "proxy_on_context_create",
    "proxy_on_vm_start",
    "proxy_on_configure",
    "proxy_on_request_headers",
    "proxy_on_request_body",
    "proxy_on_request_trailers",
    "proxy_on_response_headers",
    "proxy_on_response_body",
    "proxy_on_response_trailers",
    "proxy_on_done",
    "proxy_on_log",
    "proxy_on_delete",
)
(
    ALLOCATE,
    MALLOC,
    INITIALIZE,
    START,
    MAIN,
    ON_CONTEXT_CREATE,
    ON_VM_START,
    ON_CONFIGURE,
    ON_REQUEST_HEADERS,
    ON_REQUEST_BODY,
    ON_REQUEST_TRAILERS,
    ON_RESPONSE_HEADERS,
    ON_RESPONSE_BODY,
    ON_RESPONSE_TRAILERS,
    ON_DONE,
    ON_LOG,
    ON_DELETE,
) = range(len(EXPORTS))

MapPair = tuple[bytes, bytes]


class HttpStream(Protocol):
    """What a guest sees of one exchange; ``map_id`` is one of ``REQUEST_HEADERS`` to ``RESPONSE_TRAILERS``, names are in lower case.

    What changes something returns a status of the ABI.
    """

    def pairs(self, map_id: int) -> Sequence[MapPair] | None:
        """All fields; None: there is no such message now."""

    def value(self, map_id: int, name: bytes) -> bytes | None:
        """The value of one, repeated ones joined; None: there is none."""

    def edit(self, map_id: int, removed: Sequence[bytes], added: Sequence[MapPair]) -> int:
        """Take fields away, then add some."""

    def put(self, map_id: int, pairs: Sequence[MapPair]) -> int:
        """Have these fields, and no others."""

    def known(self, path: Sequence[bytes]) -> bytes | None:
        """A property, as the ABI has its value; None: there is none."""

    @property
    def can_reply(self) -> bool:
        """Can the exchange still be answered by the guest?"""

    def log(self, level: str, text: str) -> None:
        """A line for the log."""


def serialized(pairs: Sequence[MapPair]) -> bytes:
    """``pairs`` as the ABI has maps: their number, the sizes of each, and each with a zero behind it."""
    parts = [len(pairs).to_bytes(4, "little")]
    parts += [len(name).to_bytes(4, "little") + len(value).to_bytes(4, "little") for name, value in pairs]
    for name, value in pairs:
        parts += (name, b"\0", value, b"\0")
    return b"".join(parts)


def deserialized(data: bytes) -> list[MapPair] | None:
    """The pairs of such bytes; None: they are none."""
    if len(data) < 4:
        return [] if data in (b"", b"\0") else None
    count = int.from_bytes(data[:4], "little")
    place = 4 + 8 * count
    if place > len(data):
        return None
    pairs: list[MapPair] = []
    for at in range(4, 4 + 8 * count, 8):
        name_end = place + int.from_bytes(data[at : at + 4], "little")
        value_end = name_end + 1 + int.from_bytes(data[at + 4 : at + 8], "little")
        if value_end + 1 > len(data):
            return None
        pairs.append((data[place:name_end], data[name_end + 1 : value_end]))
        place = value_end + 1
    return pairs
