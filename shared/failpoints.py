"""Named places where a test may kill the process as if the power had gone. Without the setting they do
nothing.

``PROMPTCLAIM_FAILPOINT=after_commit`` kills at the first passing of that place, ``after_commit:3`` at the
third.
"""

import os
import signal
import threading

_setting = os.environ.get("PROMPTCLAIM_FAILPOINT", "")
_name, _, _count = _setting.partition(":")
_left = int(_count or 1)
_lock = threading.Lock()


def failpoint(name: str) -> None:
    """Kill this process here with SIGKILL where the environment asks for it."""
    if name != _name:
        return
    global _left
    with _lock:
        _left -= 1
        if _left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
