"""Members as keys of etcd: ``PREFIX/ADDRESS``, its value ``active`` or a JSON object; listed and watched (``discovery.etcd_watch``)."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping
from typing import Any, Final

from fastgw.core.sources import EtcdSettings
from fastgw.discovery.etcd_client import EtcdClient
from fastgw.discovery.etcd_watch import CHECK, GATHER, KeyRange, WatchPace, shown_key, watch_keys
from fastgw.discovery.listing import ListedMember, Skipped, Tell, listed, listing

VALUE_MOST: Final = 16 * 1024  #: bytes of a value that is looked at
KEYS_MOST: Final = 20_000  #: under one prefix; with more it is hardly that of a service

IN, OUT = ("active",), ("draining", "inactive")  #: words for a member that is in rotation, or is listed and out of it

KeySays = ListedMember | Skipped | None  #: what a key says; None: a member that is out of rotation


class EtcdSource:
    """The members under one prefix; a ``Source``."""

    def __init__(
        self,
        settings: EtcdSettings,
        clients: dict[EtcdSettings, EtcdClient] | None = None,
        *,
        check: float = CHECK,
        gather: float = GATHER,
        chance: Callable[[], float] = random.random,
    ) -> None:
        """Nothing is opened yet.

        Args:
            clients: of other sources, which share one where they ask the same cluster as the same user.
            check: seconds between two looks at what the watch should have told.
            gather: seconds between two listings that are told.
            chance: 0 to 1, so that not all sources list again at once.
        """
        self.prefix = settings.prefix.rstrip("/") + "/"
        shared = settings._replace(prefix="")
        self._client = (clients if clients is not None else {}).setdefault(shared, EtcdClient(shared))
        self._pace = WatchPace(check, gather, chance)

    def __str__(self) -> str:
        """Its place, for people."""
        return f"etcd {self._client}{self.prefix}"

    async def watch(self, tell: Tell) -> None:
        """See ``Source``.

        Raises:
            EtcdError: no endpoint can be asked, or etcd says no.
        """

        def read(key: bytes, value: bytes, _: int) -> KeySays:
            return entry(key, key[len(prefix) :], value)

        def too_large(key: bytes) -> KeySays:
            return Skipped(shown_key(key), "its value is too large")

        def say(entries: Mapping[bytes, KeySays], revision: int) -> None:
            members = [one for one in entries.values() if isinstance(one, ListedMember)]
            skipped = [one for one in entries.values() if isinstance(one, Skipped)]
            tell(listing(members, skipped, str(revision)))

        prefix = self.prefix.encode()
        end = prefix[:-1] + b"0"  # what is behind the slash
        keys = KeyRange(prefix, end, read, too_large, KEYS_MOST, shown_key(prefix))
        await watch_keys(self._client, keys, say, self._pace)


def entry(key: bytes, name: bytes, value: bytes) -> KeySays:
    """What a key says; ``name`` is its end, behind the prefix.

    The value is ``active``, or a word for a member that is out of rotation, or a JSON object, of which all is optional: ``status`` (such a
    word), ``address`` (else the name is it), ``weight``, ``zone``, ``version`` and ``metadata``.  Other names are for others.
    """
    try:
        if len(value) > VALUE_MOST:
            raise ValueError(f"its value has {len(value)} bytes, more than {VALUE_MOST}")
        word = _utf8(value, "its value").strip()
        found: dict[str, Any] = _object(word) if word.startswith("{") else {"status": word}
        status = found.get("status", IN[0])
        if status not in IN + OUT:
            raise ValueError(f"its value is none of {', '.join(IN + OUT)}, and no JSON object: {shown_key(value)}")
        metadata = dict(found["metadata"]) if isinstance(found.get("metadata"), dict) else found.get("metadata", {})
        if "version" in found and isinstance(metadata, dict):
            metadata["version"] = found["version"]
        address = found.get("address") or _utf8(name, "its name")
        member = listed(address, found.get("weight", 1), found.get("zone", ""), metadata)
    except ValueError as error:
        return Skipped(shown_key(key), str(error))
    return member if status in IN else None


def _object(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        raise ValueError(f"its value is no JSON: {shown_key(text.encode())}") from None
    assert isinstance(found, dict)  # it begins with a brace
    return found


def _utf8(data: bytes, what: str) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise ValueError(f"{what} is no text in UTF-8: {shown_key(data)}") from None
