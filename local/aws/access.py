"""Who may call the local AWS: clients that know the lake's access key id, and no page of a browser.

A server on loopback is within reach of every page that the user's browser shows: pages send requests without asking
(forms, images, `fetch` with a simple content type), and with CORS headers they could read the answers. So a request is
refused with 403 when

- it says that a page sent it (`Origin`, unless it is the server's own; `Sec-Fetch-Site`, with which browsers mark
  what a page embeds; `OPTIONS`, by which pages ask for leave),
- it is for a host that is none of the server's (a page's own name that leads to 127.0.0.1),
- it does not name the lake's own access key id, in its signature or in its presigned URL. No signature is checked.

This holds for every path, that of the health check included. Answers have no CORS headers, and a browser that opens
an object as a page runs nothing of it.
"""

from __future__ import annotations

import hmac
import json
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from html import escape
from typing import Any
from urllib.parse import parse_qsl

from ledgerlake.display import display_text
from local.home import Home

Scope = Mapping[str, Any]
Receive = Callable[[], Awaitable[Mapping[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
Headers = list[tuple[str, str]]

_SIGNATURES = (re.compile(r"Credential=([^/,\s]*)"), re.compile(r"\AAWS ([^:\s]*):"))
_OF_URL = ("x-amz-credential", "awsaccesskeyid")
_STARTS = ("http.response.start", "websocket.accept", "websocket.http.response.start")
_SANDBOX = (b"content-security-policy", b"sandbox")


def install(home: Home, hosts: Iterable[str] = ()) -> None:
    """Put the check in front of everything that MiniStack serves.

    Args:
        hosts: more names and ports by which clients reach the server, beside loopback and its own port.
    """
    import hypercorn.asyncio

    serve = hypercorn.asyncio.serve
    own = [f"{name}:{home.port('aws')}" for name in ("127.0.0.1", "localhost", "[::1]")]

    async def serve_checked(app: Any, config: Any, **more: Any) -> None:
        await serve(checked(app, home.access_key, [*own, *hosts]), config, **more)  # type: ignore[arg-type]

    hypercorn.asyncio.serve = serve_checked


def authorization(access_key: str) -> str:
    """Return the header `Authorization` of a request that is not signed by an AWS client."""
    return f"AWS4-HMAC-SHA256 Credential={access_key}/"


def checked(app: App, access_key: str, hosts: Iterable[str]) -> App:
    """Return `app` behind the check.

    Args:
        hosts: `name:port`, as the header `Host` has it.
    """
    allowed = tuple(dict.fromkeys(host.lower() for host in hosts))

    async def check_and_serve(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            return await app(scope, receive, send)
        headers = [(name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in scope["headers"]]
        if problem := refusal(scope, headers, access_key, allowed):
            return await _refuse(problem, scope, headers, receive, send)
        return await app(scope, receive, _without_cors(send))

    return check_and_serve


def refusal(scope: Scope, headers: Headers, access_key: str, hosts: tuple[str, ...]) -> str:
    """Return why a request is refused; empty for one that is not."""
    host = _one(headers, "host").lower()
    if host not in hosts:
        return f"it is for the host {display_text(host) or '(none)'}; expected one of {', '.join(hosts)}"
    if scope.get("method") == "OPTIONS":
        return "a page asks what it may send (OPTIONS); expected an AWS client"
    origins = {value for name, value in headers if name == "origin"}
    if origins - {f"http://{host}"}:
        return f"a page of {display_text(min(origins))} sent it; expected an AWS client"
    if {value for name, value in headers if name == "sec-fetch-site"} - {"none", "same-origin"}:
        return "a page of another site embeds it (Sec-Fetch-Site); expected an AWS client"
    keys = _keys(headers, scope.get("query_string", b""))
    if not keys or not all(hmac.compare_digest(key.encode(), access_key.encode()) for key in keys):
        return (
            f"it has {'another' if keys else 'no'} access key id; expected the lake's own as AWS_ACCESS_KEY_ID; "
            "next step: `ledgerlake up` names it, in Docker `docker compose logs deploy`"
        )
    return ""


def _one(headers: Headers, name: str) -> str:
    """Return the value of a header that may be there once; several are none."""
    found = [value for each, value in headers if each == name]
    return found[0] if len(found) == 1 else ""


def _keys(headers: Headers, query: bytes) -> list[str]:
    """Return every access key id that the request names: MiniStack may believe any of them."""
    values = [value for name, value in headers if name == "authorization"]
    signed = [key for value in values for pattern in _SIGNATURES for key in pattern.findall(value)]
    pairs = parse_qsl(query.decode("latin-1"), keep_blank_values=True)
    return signed + [value.partition("/")[0] for name, value in pairs if name.lower() in _OF_URL]


def _without_cors(send: Send) -> Send:
    async def send_without_cors(message: dict[str, Any]) -> None:
        if message["type"] in _STARTS:
            kept = [pair for pair in message.get("headers", []) if not pair[0].lower().startswith(b"access-control-")]
            message = {**message, "headers": [*kept, _SANDBOX]}
        await send(message)

    return send_without_cors


async def _refuse(problem: str, scope: Scope, headers: Headers, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await receive()
        return await send({"type": "websocket.close", "code": 1008})  # before it is accepted: an answer of 403
    kind, text = _worded(f"The local AWS refuses this request: {problem}.", headers)
    body = b"" if scope["method"] == "HEAD" else text.encode()
    answer = [(b"content-type", kind), (b"content-length", b"%d" % len(text.encode())), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": 403, "headers": answer})
    return await send({"type": "http.response.body", "body": body})


def _worded(text: str, headers: Headers) -> tuple[bytes, str]:
    """Return content type and body: text for people, for an AWS client the shape in which it finds the message."""
    named = dict(headers)
    if "x-amz-target" in named:
        return b"application/x-amz-json-1.1", json.dumps({"__type": "AccessDenied", "message": text})
    if "authorization" not in named:
        return b"text/plain; charset=utf-8", f"{text}\n"
    error = f"<Error><Code>AccessDenied</Code><Message>{escape(text, quote=False)}</Message></Error>"
    return b"application/xml", f"<ErrorResponse>{error}</ErrorResponse>"
