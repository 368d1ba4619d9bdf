"""Runs ministack, the local AWS, with three changes: web pages' requests are refused, Nagle's algorithm is off, and a
connection that DeleteConnection closes is closed at once.

scripts/dev starts this script; ministack reads its settings from the environment.
"""

import asyncio
import http.server
import os
import socketserver

import ministack.app
from loopback_guard import guarded, guarded_parse


def closing(app):
    """Returns the ASGI application with a pause before each frame of a WebSocket: ministack looks whether the connection was
    deleted only while no frame is waiting, so a client that sends without a pause would never be disconnected.
    """

    async def paused(scope, receive, send):
        async def receive_later():
            await asyncio.sleep(0.001)
            return await receive()

        await app(scope, receive_later if scope["type"] == "websocket" else receive, send)

    return paused


def main():
    # ministack's Runtime API writes head and body separately, and Nagle's algorithm would delay the body by 40 ms.
    socketserver.StreamRequestHandler.disable_nagle_algorithm = True
    # The Runtime API's handler classes are local to functions, so the guard is installed in their base class.
    handler = http.server.BaseHTTPRequestHandler
    handler.parse_request = guarded_parse(handler.parse_request)
    ministack.app.app = guarded(closing(ministack.app.app), int(os.environ["GATEWAY_PORT"]))
    ministack.app.main()


if __name__ == "__main__":
    main()
