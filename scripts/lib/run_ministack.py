"""Runs ministack, the local AWS, with two changes: requests of web pages are refused, and its Runtime API is fast.

scripts/dev starts it; ministack reads its settings from the environment.
"""

import http.server
import os
import socketserver

import ministack.app
from loopback_guard import guarded, guarded_parse


def main():
    # ministack's Runtime API writes head and body apart, and Nagle's algorithm delays the body by 40 ms.
    socketserver.StreamRequestHandler.disable_nagle_algorithm = True
    # The Runtime API's handlers are classes made inside functions, so the guard is set on their base class.
    handler = http.server.BaseHTTPRequestHandler
    handler.parse_request = guarded_parse(handler.parse_request)
    ministack.app.app = guarded(ministack.app.app, int(os.environ["GATEWAY_PORT"]))
    ministack.app.main()


if __name__ == "__main__":
    main()
