"""A reverse proxy that knows who somebody is, as a process: `python reverse_proxy.py PORT NAME EMAIL TOKEN` prints its
port.

Of each request it drops what the browser claims to be, adds the header that the app was told to
trust, and names the host under which browsers reach it.
"""

from __future__ import annotations

import socket
import socketserver
import sys
from contextlib import suppress
from threading import Thread

HEADER = b"X-Forwarded-Email"
TOKEN = b"X-Stagegap-Token"


def pipe(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while chunk := source.recv(65536):
            target.sendall(chunk)
        target.shutdown(socket.SHUT_WR)


class Proxy(socketserver.BaseRequestHandler):
    to: int
    name: bytes
    email: bytes
    token: bytes

    def handle(self) -> None:
        head, _, rest = self.request.recv(65536).partition(b"\r\n\r\n")
        lines = [line for line in head.split(b"\r\n") if not line.lower().startswith((HEADER.lower(), b"host:"))]
        lines = [b"Origin: http://" + self.name if one.lower().startswith(b"origin:") else one for one in lines]
        if not any(
            line.lower().startswith(b"upgrade:") for line in lines
        ):  # the next request comes anew, and is mended
            lines = [line for line in lines if not line.lower().startswith(b"connection:")] + [b"Connection: close"]
        lines += [b"Host: " + self.name, HEADER + b": " + self.email, TOKEN + b": " + self.token]
        with socket.create_connection(("127.0.0.1", self.to)) as app:
            app.sendall(b"\r\n".join(lines) + b"\r\n\r\n" + rest)
            back = Thread(target=pipe, args=(app, self.request), daemon=True)
            back.start()
            pipe(self.request, app)
            back.join()


if __name__ == "__main__":
    Proxy.to = int(sys.argv[1])
    Proxy.name, Proxy.email, Proxy.token = (word.encode() for word in sys.argv[2:5])
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Proxy) as server:
        server.daemon_threads = True
        server.block_on_close = False
        sys.stdout.write(f"{server.server_address[1]}\n")
        sys.stdout.flush()
        server.serve_forever()
