"""A gate between a client and its S3: every request goes through it, and some fare as on a bad day.

It decides the fate of each request: passed on, refused, dropped, done with the reply lost or cut in
half; or the client is killed at that very moment, before or after S3 has done what it asked for.
"""

from __future__ import annotations

import http.client
import random
import socket
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass
from enum import Enum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

SLOW_DOWN = (
    b'<?xml version="1.0" encoding="UTF-8"?><Error><Code>SlowDown</Code>'
    b"<Message>Please reduce your request rate.</Message></Error>"
)
_HOP_BY_HOP = {"connection", "expect", "transfer-encoding", "keep-alive", "content-length"}


class Fate(Enum):
    """What becomes of a request."""

    PASSED = "passed on"
    REFUSED = "answered 503 SlowDown, and not done"
    DROPPED = "connection closed, and not done"
    UNHEARD = "done, and the connection closed without a reply"
    HALVED = "done, and half of the reply sent"
    KILLED_BEFORE = "the client killed, and not done"
    KILLED_AFTER = "done, and the client killed before it hears of it"


FAULTS = (Fate.REFUSED, Fate.DROPPED, Fate.UNHEARD, Fate.HALVED)


@dataclass(frozen=True)
class Request:
    """A request to S3 with path-style addresses; `key` without the bucket, as S3 understands it."""

    method: str
    key: str
    query: str
    is_copy: bool

    def __str__(self) -> str:
        return f"{'COPY' if self.is_copy else self.method} {self.key}{'?' if self.query else ''}{self.query}"


class Between:
    """A running gate.

    Args:
        upstream: where S3 is, `http://127.0.0.1:4566`.
        decide: the fate of a request; asked once for each, by one thread at a time.
    """

    def __init__(self, upstream: str, decide: Callable[[Request], Fate] = lambda _: Fate.PASSED) -> None:
        self.upstream, self.decide = urlsplit(upstream), decide
        self.kill: Callable[[], None] = lambda: None
        self.closed = False
        self.requests: list[Request] = []
        self.fates: Counter[Fate] = Counter()
        self._lock = threading.Lock()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.gate = self
        self.endpoint = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def __enter__(self) -> Between:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def fate_of(self, request: Request) -> Fate:
        """Decided once; after a killing nothing passes, as nobody is left who could have asked."""
        with self._lock:
            if self.closed:
                return Fate.DROPPED
            fate = self.decide(request)
            self.requests.append(request)
            self.fates[fate] += 1
            if fate in (Fate.KILLED_BEFORE, Fate.KILLED_AFTER):
                self.closed = True
            return fate


def on_a_bad_day(share: float, seed: int) -> Callable[[Request], Fate]:
    """Decide so that `share` of all requests meet one fault or another."""
    chance = random.Random(seed)

    def decide(_: Request) -> Fate:
        return chance.choice(FAULTS) if chance.random() < share else Fate.PASSED

    return decide


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64
    gate: Between

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that is gone is what this is for."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def finish(self) -> None:
        with suppress(OSError):
            super().finish()

    def log_message(self, format: str, *args: object) -> None:
        """Silence: failing tests show what matters."""

    def do(self) -> None:
        body = self._body()
        gate, fate = self.server.gate, self.server.gate.fate_of(self._request())
        if fate is Fate.KILLED_BEFORE:
            gate.kill()
        if fate in (Fate.KILLED_BEFORE, Fate.DROPPED):
            return self._hang_up()
        if fate is Fate.REFUSED:
            return self._reply(503, "Slow Down", [("Content-Type", "application/xml")], SLOW_DOWN)
        status, reason, headers, answer = self._forward(body)
        if fate is Fate.KILLED_AFTER:
            gate.kill()
        if fate in (Fate.KILLED_AFTER, Fate.UNHEARD) or (fate is Fate.HALVED and len(answer) < 2):
            return self._hang_up()
        self._reply(status, reason, headers, answer, halved=fate is Fate.HALVED)
        return None

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = do  # noqa: N815

    def _request(self) -> Request:
        parts = urlsplit(self.path)
        _, _, key = unquote(parts.path).removeprefix("/").partition("/")
        return Request(self.command, key, parts.query, "x-amz-copy-source" in self.headers)

    def _body(self) -> bytes:
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass
        return body

    def _forward(self, body: bytes) -> tuple[int, str, list[tuple[str, str]], bytes]:
        where = self.server.gate.upstream
        # A connection of its own: one that was kept might have been closed by S3 meanwhile.
        with closing(http.client.HTTPConnection(where.hostname or "", where.port, timeout=120)) as s3:
            s3.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                if name.lower() not in _HOP_BY_HOP:
                    s3.putheader(name, value)
            if body or self.command in ("PUT", "POST"):
                s3.putheader("Content-Length", str(len(body)))
            s3.endheaders(body)
            response = s3.getresponse()
            answer = response.read()
        kept = [(name, value) for name, value in response.getheaders() if name.lower() not in _HOP_BY_HOP]
        if self.command == "HEAD":
            kept.append(("Content-Length", response.getheader("Content-Length", "0")))
        return response.status, response.reason, kept, answer

    def _reply(
        self, status: int, reason: str, headers: list[tuple[str, str]], answer: bytes, *, halved: bool = False
    ) -> None:
        if self.command != "HEAD" and status not in (204, 304):
            headers = [*headers, ("Content-Length", str(len(answer)))]
        if self.command == "HEAD":
            answer = b""
        head = f"HTTP/1.1 {status} {reason}\r\n" + "".join(f"{name}: {value}\r\n" for name, value in headers) + "\r\n"
        self.wfile.write(head.encode("latin-1") + (answer[: len(answer) // 2] if halved else answer))
        if halved:
            self._hang_up()

    def _hang_up(self) -> None:
        self.close_connection = True
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)
