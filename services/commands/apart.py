"""`promptclaim up --apart`: two services' workers in processes of their own, so that more than one core works.

A child stops when its standard input ends, which it does when this process is gone, however it went. A child that
ends by itself stops the whole suite, as a halted worker does.
"""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from shared.settings import PREFIX, Settings

APART = ("validator", "payments")

_STOP_SECONDS = 30


@contextmanager
def workers_apart(settings: Settings, stop: threading.Event) -> Iterator[None]:
    """Run the workers of ``APART`` meanwhile; sets ``stop`` where one of them ends by itself."""
    environment = {
        **os.environ,
        f"{PREFIX}DATA_DIR": str(settings.data_dir),
        f"{PREFIX}LOG_LEVEL": settings.log_level,
    }
    children = [
        subprocess.Popen(
            [sys.executable, "-m", "services.cli", "work", service, "--with-parent"],
            env=environment,
            stdin=subprocess.PIPE,
        )
        for service in APART
    ]
    for child in children:
        threading.Thread(target=_stop_after, args=(child, stop), daemon=True).start()
    try:
        yield
    finally:
        for child in children:
            if child.stdin:
                child.stdin.close()
        for child in children:
            child.wait(_STOP_SECONDS)


def _stop_after(child: "subprocess.Popen[bytes]", stop: threading.Event) -> None:
    child.wait()
    stop.set()
