"""Runs ministack, the local AWS, with two changes: web pages' requests are refused, and Nagle's algorithm is off.

scripts/dev starts this script; ministack reads its settings from the environment.
"""

import http.server
import os
import socketserver

import ministack.app
from loopback_guard import guarded, guarded_parse


def main():
    # ministack's Runtime API writes head and body separately, and Nagle's algorithm would delay the body by 40 ms.
    socketserver.StreamRequestHandler.disable_nagle_algorithm = True
    # The Runtime API's handler classes are local to functions, so the guard is installed in their base class.
    handler = http.server.BaseHTTPRequestHandler
    handler.parse_request = guarded_parse(handler.parse_request)
    ministack.app.app = guarded(ministack.app.app, int(os.environ["GATEWAY_PORT"]))
    ministack.app.main()


if __name__ == "__main__":
    main()
