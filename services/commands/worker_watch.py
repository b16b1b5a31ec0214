"""What a worker shows of itself over HTTP: whether it is healthy, and its metrics. No claims, so no key."""

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from werkzeug.serving import WSGIRequestHandler, make_server

from shared.metrics import exposition
from shared.worker import Worker

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse


@contextmanager
def watched(worker: Worker, service: str, host: str, port: int) -> Iterator[None]:
    """Serve ``/healthz`` (200 or 503) and ``/metrics`` meanwhile. Raises ``OSError`` for a port that is taken."""
    server = make_server(host, port, _application(worker, service), request_handler=_Silent)
    serving = threading.Thread(target=server.serve_forever, name="watch", daemon=True)
    serving.start()
    try:
        yield
    finally:
        server.shutdown()
        serving.join(5)
        server.server_close()


def _application(
    worker: Worker, service: str
) -> Callable[[dict[str, Any], "StartResponse"], Iterable[bytes]]:
    def application(environ: dict[str, Any], start: "StartResponse") -> Iterable[bytes]:
        path = environ.get("PATH_INFO")
        if path == "/metrics":
            body, content_type = exposition(service)
            start("200 OK", [("Content-Type", content_type)])
        elif path == "/healthz":
            healthy = worker.healthy
            start("200 OK" if healthy else "503 Service Unavailable", [("Content-Type", "text/plain")])
            body = b"healthy\n" if healthy else b"not healthy: see the log\n"
        else:
            start("404 Not Found", [("Content-Type", "text/plain")])
            body = b"/healthz and /metrics are here\n"
        return [body]

    return application


class _Silent(WSGIRequestHandler):
    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        return
