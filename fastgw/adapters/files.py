"""Small static files of a directory: GET and HEAD, conditional and of one range, read in pieces as fast as the client takes them.

What a path of a request can name is decided twice.  ``local_path`` refuses every name that no file of ours should have: empty ones, those
that begin with a dot, those with a slash or a control character in them.  Then the kernel opens what is left beneath the root, and neither
leaves it nor follows a link (``beneath``).  Of what was opened only a regular file is sent: nothing is decided by a name and read by
another.

Reading does not hold up the loop: what is not in the page cache is read by a thread.
"""

from __future__ import annotations

import errno
import mimetypes
import os
import re
import stat
from typing import TYPE_CHECKING, Final

from fastgw.adapters.beneath import open_beneath
from fastgw.adapters.local import LocalCarrier, below, local_service, precondition_failed
from fastgw.core.date import http_date
from fastgw.errors import DownstreamError, GatewayError, InternalError
from fastgw.wire.location import safe_location
from fastgw.wire.preconditions import outcome, part

if TYPE_CHECKING:
    from asyncio import Future

    from fastgw.core.exchange.ends import Exchange
    from fastgw.core.settings import FilesSettings
    from fastgw.core.snapshot.snapshot import Service
    from fastgw.routing.pattern import Pattern
    from fastgw.wire.messages import Request

PIECE: Final = 64 * 1024  #: bytes read at once
_LATEST: Final = 253402300799  #: the end of the year 9999, the last one that a date can say
_ESCAPE: Final = re.compile(rb"%([0-9A-Fa-f]{2})")
_CONTROL: Final = re.compile(rb"[\x00-\x1f\x7f]").search

#: The system's own tables are not asked: a file has the same type on every host.
_TYPES: Final = mimetypes.MimeTypes()
for _extension, _kind in {
    ".avif": "image/avif",
    ".js": "text/javascript",
    ".md": "text/markdown",
    ".mjs": "text/javascript",
    ".otf": "font/otf",
    ".ttf": "font/ttf",
    ".webmanifest": "application/manifest+json",
    ".webp": "image/webp",
    ".woff": "font/woff",
    ".woff2": "font/woff2",
    ".yaml": "application/yaml",
    ".yml": "application/yaml",
}.items():
    _TYPES.add_type(_kind, _extension)
_CODED: Final = {"gzip": "application/gzip", "bzip2": "application/x-bzip2", "xz": "application/x-xz"}
_UNKNOWN: Final = "application/octet-stream"

#: What opening says of names, which is the same to a client: there is no such file.
_ABSENT: Final = frozenset(
    (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.EXDEV, errno.EACCES, errno.ENAMETOOLONG, errno.ENXIO, errno.EINVAL)
)


def local_path(rest: bytes) -> bytes | None:
    """The path beneath the root that ``rest``, of a normalised path behind its route's prefix, names; None: none that is served.

    Escapes are decoded once.  An empty last name, which is a directory's, stays.
    """
    names = [_ESCAPE.sub(lambda found: bytes.fromhex(found[1].decode()), name) for name in rest.split(b"/")]
    for place, name in enumerate(names):
        is_last = place == len(names) - 1
        if name[:1] == b"." or b"/" in name or _CONTROL(name) or not (name or is_last):
            return None
    return b"/".join(names)


def content_type(path: bytes) -> str:
    """By the extension; text is UTF-8."""
    kind, coding = _TYPES.guess_type(f"/{os.fsdecode(path)}")
    if coding is not None:
        return _CODED.get(coding, _UNKNOWN)
    if kind is None:
        return _UNKNOWN
    return f"{kind}; charset=utf-8" if kind.startswith("text/") else kind


class Folder:
    """What a ``files`` of the configuration offers."""

    __slots__ = ("_extra", "_pattern", "settings")

    def __init__(self, settings: FilesSettings, pattern: Pattern) -> None:
        """``pattern``: the path of the route; what its ``*`` takes is beneath the root, or without one all of the path."""
        self.settings = settings
        self._pattern = pattern
        self._extra = b"x-content-type-options: nosniff\r\n"
        if settings.cache_control:
            self._extra += b"cache-control: " + settings.cache_control.encode() + b"\r\n"

    def find(self, request: Request) -> tuple[int, os.stat_result, bytes]:
        """A descriptor of the file that ``request`` names, what is known of it, and its path; whoever calls this closes it.

        Raises:
            DownstreamError: 404, there is no such file, or it is not served; 403, it is too large.
            InternalError: 500, the root is not there, or the file cannot be opened.
            IsADirectoryError: it is a directory with an index, and the path has no slash behind it.
        """
        found = local_path(below(self._pattern, request))
        if found is None:
            raise _absent("the name is not one that is served")
        index = self.settings.index_name.encode()
        is_folder = not found or found.endswith(b"/")
        if is_folder:
            if not index:
                raise _absent("directories are not listed")
            found += index
        fd = self._open(found)
        try:
            about = os.fstat(fd)
            if stat.S_ISDIR(about.st_mode) and index and not is_folder:
                os.close(self._open(found + b"/" + index))
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
            if not stat.S_ISREG(about.st_mode):
                raise _absent("is not a regular file")
            if about.st_size > self.settings.max_size:
                reason = f"{os.fsdecode(found)!r} has {about.st_size} bytes, max_size is {self.settings.max_size}"
                raise DownstreamError(403, "file_too_large", "this file is larger than is served here", reason=reason)
        except BaseException:
            os.close(fd)
            raise
        return fd, about, found

    def _open(self, path: bytes) -> int:
        root = self.settings.root
        try:
            return open_beneath(root, path)
        except OSError as error:
            is_root = error.filename == root
            reason = f"{root if is_root else os.fsdecode(path)!r}: {error.strerror}"
            if error.errno in _ABSENT and not is_root:
                raise _absent(reason) from None
            raise InternalError(500, "files_failed", "the files cannot be read", reason=reason) from error

    def fields(self, path: bytes, about: os.stat_result, tag: bytes) -> bytes:
        """The field lines that every answer with this file, or instead of it, has."""
        return b"".join(
            (
                b"etag: " + tag + b"\r\n",
                b"last-modified: " + http_date(changed_at(about)) + b"\r\naccept-ranges: bytes\r\n",
                self._extra,
            )
        )


def changed_at(about: os.stat_result) -> int:
    """When the file was changed, in whole seconds after the epoch, as far as a date can say it."""
    return min(max(0, int(about.st_mtime)), _LATEST)


class FileCarrier(LocalCarrier):
    """Answers with a file."""

    __slots__ = ("_at", "_end", "_file", "_files", "_is_due", "_is_reading")

    def __init__(self, files: Folder) -> None:
        LocalCarrier.__init__(self)
        self._files = files
        self._file = -1  #: its descriptor
        self._at = 0  #: the next byte to be read
        self._end = 0  #: behind the last one
        self._is_due = False  #: a turn of the loop will read on
        self._is_reading = False  #: a thread reads

    def takes_body(self, exchange: Exchange) -> bool:
        """See ``LocalCarrier``: what may not be asked for is refused without its body."""
        return exchange.request.method in (b"GET", b"HEAD")

    def answer_soon(self, exchange: Exchange) -> None:
        """See ``LocalCarrier``: to open a file and to read its first piece has a turn of its own, like each further piece."""
        exchange.plane.loop.call_soon(self._answer)

    def answer(self, exchange: Exchange) -> None:
        """See ``LocalCarrier``.

        Raises:
            GatewayError: 405, 412, 416, or as ``Folder.find``.
        """
        request = exchange.request
        if not self.takes_body(exchange):
            headers = (("allow", "GET, HEAD"),)
            raise DownstreamError(405, "method_not_allowed", "files are read with GET and HEAD", headers=headers)
        try:
            self._file, about, path = self._files.find(request)
        except IsADirectoryError:
            location = safe_location((request.original_path or request.path) + b"/" + request.query)
            self.send_head(exchange, 301, b"location: " + location + b"\r\n", 0)
            return
        size = about.st_size
        tag = b'"%x-%x"' % (about.st_mtime_ns, size)
        fields = self._files.fields(path, about, tag)
        status = outcome(request.header, request.method, tag, changed_at(about))
        if status == 412:
            raise precondition_failed()
        if status == 304:
            self.send_head(exchange, 304, fields, 0)
            return
        kind = f"content-type: {content_type(path)}\r\n".encode()
        wanted = part(request.header, request.method, tag, size)
        if wanted is None:
            self._begin(exchange, 200, kind + fields, range(size))
        elif not wanted:
            headers = (("content-range", f"bytes */{size}"),)
            raise DownstreamError(416, "range_not_satisfiable", f"the file has {size} bytes", headers=headers)
        else:
            lines = b"content-range: bytes %d-%d/%d\r\n" % (wanted.start, wanted.stop - 1, size)
            self._begin(exchange, 206, kind + fields + lines, wanted)

    def leave(self) -> None:
        """See ``Carrier``: the file is closed, behind a thread that still reads it."""
        LocalCarrier.leave(self)
        if self._file >= 0 and not self._is_reading:
            os.close(self._file)
            self._file = -1

    def release(self, bit: int) -> None:
        """See ``Connection``: reading goes on in a later turn, for whoever lets go of it may not be done."""
        LocalCarrier.release(self, bit)
        self._go_on()

    def _begin(self, exchange: Exchange, status: int, fields: bytes, wanted: range) -> None:
        self._at, self._end = wanted.start, wanted.stop
        if self.send_head(exchange, status, fields, len(wanted)):
            self._read(exchange)

    def _go_on(self) -> None:
        exchange = self.exchange
        if exchange is not None and self._at < self._end and not (self._is_due or self._is_reading or self.is_held):
            self._is_due = True
            exchange.plane.loop.call_soon(self._turn)

    def _turn(self) -> None:
        self._is_due = False
        exchange = self.exchange
        if exchange is not None:
            self._try(self._read, exchange)

    def _read(self, exchange: Exchange) -> None:
        """Read a piece and send it, unless somebody holds us."""
        if self.is_held:
            return
        size = min(PIECE, self._end - self._at)
        piece = read_cached(self._file, size, self._at)
        if piece is None:
            self._is_reading = True
            reading = exchange.plane.loop.run_in_executor(None, os.pread, self._file, size, self._at)
            reading.add_done_callback(self._on_read)
        else:
            self._send(exchange, piece)

    def _on_read(self, reading: Future[bytes]) -> None:
        """A thread has read a piece."""
        self._is_reading = False
        exchange = self.exchange
        if exchange is None:
            self.leave()
        elif not reading.cancelled():
            self._try(lambda exchange: self._send(exchange, reading.result()), exchange)

    def _send(self, exchange: Exchange, piece: bytes) -> None:
        if not piece:
            reason = f"the file has become shorter than {self._end} bytes"
            raise InternalError(500, "files_failed", "the file has changed while it was sent", reason=reason)
        self._at += len(piece)
        if self._at == self._end:
            exchange.on_last_body(piece, len(piece))
        else:
            exchange.on_body(piece, len(piece))
            self._go_on()


def files_service(settings: FilesSettings, pattern: Pattern) -> Service:
    """What a route of this ``pattern`` with ``files`` leads to."""
    files = Folder(settings, pattern)
    return local_service("files", lambda: FileCarrier(files))


def read_cached(fd: int, size: int, at: int) -> bytes | None:
    """Up to ``size`` bytes from ``at`` on, if that needs no waiting; None: it may, or this file system cannot say.

    Raises:
        OSError: the file cannot be read.
    """
    piece = bytearray(size)
    try:
        count = os.preadv(fd, (piece,), at, os.RWF_NOWAIT)
    except OSError as error:
        if error.errno in (errno.EAGAIN, errno.EOPNOTSUPP):
            return None
        raise
    return bytes(memoryview(piece)[:count])


def _absent(reason: str) -> GatewayError:
    return DownstreamError(404, "no_file", "there is no such file", reason=reason)
