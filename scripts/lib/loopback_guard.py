"""Refuses requests that web pages of other sites send to a server on this machine's loopback interface.

Any page can send requests to http://127.0.0.1:PORT: browsers block reading the response, not sending the request. The
header fields that browsers add, and that a page cannot remove, distinguish such requests from those of commands and SDKs.
"""

import re
from urllib.parse import urlsplit

HOSTS = ("127.0.0.1", "localhost", "[::1]")
# Fetch Metadata: `none` is the address bar or a bookmark, `same-origin` the server's own page. `same-site` is refused: a
# site has no port, so it includes every other server on this machine.
SITES = ("none", "same-origin")
# The only path on which any origin may open a WebSocket, as on AWS.
CHAT = re.compile(r"/_aws/execute-api/[^/]+/[^/]+/?")


def refusal(headers, port, is_chat_handshake=False):
    """Returns the reason to refuse a request, or None.

    `headers` are all (name, value) pairs in lower case, repeated fields included. `port` is the server's own.
    """
    values = {name: [value for each, value in headers if each == name] for name, _ in headers}
    hosts = values.get("host", [])
    # DNS rebinding: requests to an attacker's name that resolves to 127.0.0.1 are same-origin for the attacker's page.
    if len(hosts) != 1 or not is_loopback(hosts[0], None if is_chat_handshake else port):
        return f"the Host must be {', '.join(f'{host}:{port}' for host in HOSTS)} or a name that ends with .localhost"
    if is_chat_handshake:
        return None
    if any(origin != f"http://{hosts[0]}" for origin in values.get("origin", [])):
        return "the Origin is another site"
    sites = values.get("sec-fetch-site", [])
    if any(site not in SITES for site in sites):
        return "Sec-Fetch-Site names another site; open the address directly, not by a link"
    # Safari before 16.4 sends no Sec-Fetch-Site. SDKs and commands do not identify as Mozilla.
    if not sites and any(agent.startswith("mozilla/") for agent in values.get("user-agent", [])):
        return "a browser must send Sec-Fetch-Site"
    return None


def is_loopback(host, port):
    """Returns whether `host` is a loopback name with this port; None allows any port, because port forwarding changes it.

    Names below `.localhost` resolve to loopback (RFC 6761); the local AWS uses them for buckets and APIs.
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
    """Wraps `parse_request` of an `http.server.BaseHTTPRequestHandler`: answers 403 to requests that `refusal` refuses."""

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
    """Wraps an ASGI application: answers 403 to requests that `refusal` refuses."""

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
