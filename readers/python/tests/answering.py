"""A server on loopback that answers each request as a test says."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Reply = tuple[int, bytes]


@dataclass(frozen=True)
class Request:
    """A request as it came; the names of headers are in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


class Answering:
    """Calls `reply` with each request, for a status and a body. A redirect is to the path `/elsewhere`."""

    def __init__(self) -> None:
        self.stalls = False
        """Whether the body of an answer ends after its first byte, until `close`."""
        self.trickles = False
        """Whether the bytes of a body come one by one, every 50 ms, until `close`."""
        self._closing = threading.Event()
        self.reply: Callable[[Request], Reply] = lambda request: (500, b"")
        answering = self

        class Handler(BaseHTTPRequestHandler):
            def _answer(self) -> None:
                sent = self.rfile.read(int(self.headers.get("Content-Length", "0")))
                headers = {name.lower(): value for name, value in self.headers.items()}
                status, body = answering.reply(Request(self.command, self.path, headers, sent))
                self.send_response(status)
                if 300 <= status < 400:
                    self.send_header("Location", f"{answering.address}/elsewhere")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if answering.stalls:
                    self.wfile.write(body[:1])
                    answering._closing.wait()
                for byte in body if answering.trickles else b"":
                    if answering._closing.wait(0.05):
                        return
                    self.wfile.write(bytes([byte]))
                if not answering.trickles:
                    self.wfile.write(body)

            do_GET = do_POST = _answer  # noqa: N815

            def log_message(self, *_: object) -> None:
                """Print nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    def close(self) -> None:
        """Stop."""
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
