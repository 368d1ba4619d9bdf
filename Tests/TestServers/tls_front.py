"""TLS in front of a server on this machine: python3 tls_front.py PORT NAME [--expired] [--version 1.x]

Creates an authority and a certificate for the host name, prints its own port and the path of the authority's PEM file, and
forwards connections whose handshake succeeds. Ends when standard input does.
"""

import argparse
import contextlib
import pathlib
import select
import socket
import ssl
import sys
import tempfile
import threading

sys.path.append(str(pathlib.Path(__file__).parent.parent / "EndToEnd"))
from bare_root import Certificates  # noqa: E402


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("port", type=int)
    arguments.add_argument("name")
    arguments.add_argument("--expired", action="store_true")
    arguments.add_argument("--version", choices=["1.1", "1.2", "1.3"])
    arguments = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder, socket.create_server(("127.0.0.1", 0)) as listener:
        certificates = Certificates(pathlib.Path(folder) / "authority")
        end = {"end": "20200102000000Z"} if arguments.expired else {}
        context = server_context(certificates.issue(arguments.name, **end), arguments.version)
        threading.Thread(target=accept, args=(listener, context, arguments.port), daemon=True).start()
        print(listener.getsockname()[1], certificates.bundle, flush=True)
        sys.stdin.read()


def server_context(certificate, version):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    if version:
        # At any higher level OpenSSL itself speaks no TLS 1.1.
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.minimum_version = context.maximum_version = ssl.TLSVersion[f"TLSv{version.replace('.', '_')}"]
    return context


def accept(listener, context, port):
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=serve, args=(connection, context, port), daemon=True).start()


def serve(connection, context, port):
    with (
        contextlib.suppress(OSError),
        context.wrap_socket(connection, server_side=True) as client,
        socket.create_connection(("127.0.0.1", port)) as server,
    ):
        # In one thread: two must not use a TLS connection at once.
        while True:
            readable = [client] if client.pending() else select.select([client, server], [], [])[0]
            for source in readable:
                data = source.recv(65536)
                if not data:
                    return
                (server if source is client else client).sendall(data)


if __name__ == "__main__":
    main()
