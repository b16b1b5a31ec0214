"""What a worker shows over HTTP."""

import threading

import pytest
import requests
from running import free_port

from services.commands.worker_watch import watched
from shared.worker import Step, Worker


def test_a_worker_says_over_http_whether_it_is_healthy_and_gives_its_metrics() -> None:
    broken = threading.Event()

    def step() -> int:
        if broken.is_set():
            raise OSError("the disk is gone")
        return 0

    worker, port = Worker("intake", [Step("only", step, idle_seconds=0.01)]), free_port()
    worker.start()
    with watched(worker, "intake", "127.0.0.1", port):
        assert requests.get(f"http://127.0.0.1:{port}/healthz", timeout=5).status_code == 200
        assert "promptclaim_" in requests.get(f"http://127.0.0.1:{port}/metrics", timeout=5).text
        assert requests.get(f"http://127.0.0.1:{port}/claims", timeout=5).status_code == 404
        broken.set()
        for _ in range(100):
            if requests.get(f"http://127.0.0.1:{port}/healthz", timeout=5).status_code == 503:
                break
            threading.Event().wait(0.05)
        else:
            pytest.fail("a failing step did not make the worker unhealthy")
    worker.stop()
