"""Refuses requests that a web page sends to a server on this machine's loopback interface.

A page of any site may send requests to http://127.0.0.1:PORT: browsers block reading the answer, not sending. What tells
such a request from one of a command or an SDK is what browsers add and a page cannot remove.
"""

import re
from urllib.parse import urlsplit

HOSTS = ("127.0.0.1", "localhost", "[::1]")
# Web Fetch Metadata: the address bar and bookmarks, and pages of the server itself. `same-site` is refused: a site has
# no port, so it covers every other server on this machine.
SITES = ("none", "same-origin")
# The one path that pages may open a WebSocket on, from any origin, as they may on AWS.
CHAT = re.compile(r"/_aws/execute-api/[^/]+/[^/]+/?")


def refusal(headers, port, is_chat_handshake=False):
    """The reason to refuse a request, or None.

    `headers` are (name, value) pairs in lower case, as often as they were sent. `port` is the server's own.
    """
    values = {name: [value for each, value in headers if each == name] for name, _ in headers}
    hosts = values.get("host", [])
    # A name of an attacker's that resolves to 127.0.0.1 (DNS rebinding) makes its page's requests same-origin.
    if len(hosts) != 1 or not is_loopback(hosts[0], None if is_chat_handshake else port):
        return f"the Host must be {', '.join(f'{host}:{port}' for host in HOSTS)} or a name that ends with .localhost"
    if is_chat_handshake:
        return None
    if any(origin != f"http://{hosts[0]}" for origin in values.get("origin", [])):
        return "the Origin is another site's"
    sites = values.get("sec-fetch-site", [])
    if any(site not in SITES for site in sites):
        return "Sec-Fetch-Site names another site; open the address directly, not by a link"
    # Safari before 16.4 sends no Sec-Fetch-Site. No SDK or command claims to be a browser.
    if not sites and any(agent.startswith("mozilla/") for agent in values.get("user-agent", [])):
        return "a browser must send Sec-Fetch-Site"
    return None


def is_loopback(host, port):
    """True for this machine's names with the port; None allows any, since port forwarding changes it.

    Names below `.localhost` never leave the machine (RFC 6761); buckets and APIs have such names.
    """
    try:
        parts = urlsplit(f"http://{host}")
        name, given = parts.hostname or "", parts.port or 80
    except ValueError:
        return False
    if parts.netloc != host or parts.username is not None or not re.fullmatch(r"[a-z0-9.:_\[\]-]+", host):
        return False
    bare = name if ":" not in name else f"[{name}]"
    return (bare in HOSTS or name.endswith(".localhost")) and port in (None, given)


def guarded_parse(parse_request):
    """`parse_request` of an `http.server.BaseHTTPRequestHandler`, answering 403 to what `refusal` refuses."""

    def parse(self):
        if not parse_request(self):
            return False
        headers = [(name.lower(), value.strip().lower()) for name, value in self.headers.items()]
        if reason := refusal(headers, self.server.server_address[1]):
            self.send_error(403, explain=reason)
            return False
        return True

    return parse


def guarded(application, port):
    """An ASGI application that passes on to another one only what `refusal` lets through."""

    async def guard(scope, receive, send):
        kind = scope["type"]
        if kind == "lifespan":
            return await application(scope, receive, send)
        headers = [
            (name.decode("latin-1").lower(), value.decode("latin-1").strip().lower()) for name, value in scope["headers"]
        ]
        is_chat_handshake = kind == "websocket" and CHAT.fullmatch(scope["path"]) is not None
        reason = refusal(headers, port, is_chat_handshake)
        if not reason:
            return await application(scope, receive, send)
        if kind == "websocket":
            # Closing before accepting answers the handshake with 403.
            await receive()
            return await send({"type": "websocket.close"})
        body = f"scripts/dev refuses this request: {reason}.\n".encode()
        fields = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 403, "headers": fields})
        await send({"type": "http.response.body", "body": body})

    return guard
