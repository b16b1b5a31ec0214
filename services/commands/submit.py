"""`promptclaim submit`: upload a file to a running suite, wait for its verdicts, and give them back."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import requests

_CHUNK_BYTES = 64 * 1024
_POLL_SECONDS = 0.3


class SubmitError(Exception):
    """The suite did not take the file; the message says why, in words for the provider."""


class Uploaded:
    """Reads a file in pieces and tells how far it is."""

    def __init__(self, file: BinaryIO, size: int, progress: Callable[[int, int], None]) -> None:
        self._file, self._size, self._progress, self._sent = file, size, progress, 0

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[bytes]:
        while chunk := self._file.read(_CHUNK_BYTES):
            self._sent += len(chunk)
            self._progress(self._sent, self._size)
            yield chunk


def submit(
    path: Path, url: str, key: str, *, progress: Callable[[int, int], None], timeout_seconds: float = 600
) -> dict[str, Any]:
    """Send ``path`` to the suite at ``url`` and wait until every claim has its verdict.

    Returns the submission with all its claims. Raises ``SubmitError`` where the file is refused, the suite cannot
    be reached, or the verdicts do not come in time.
    """
    session = requests.Session()
    session.headers["Authorization"] = f"Bearer {key}"
    base = f"{url.rstrip('/')}/intake/api/v1/submissions"
    try:
        with path.open("rb") as file:
            size = path.stat().st_size
            receipt = _json(
                session.post(
                    base,
                    params={"file_name": path.name},
                    data=Uploaded(file, size, progress) if size else b"",
                    headers={"Content-Type": "application/octet-stream"},
                    timeout=(10, timeout_seconds),
                )
            )
        deadline = time.monotonic() + timeout_seconds
        address = f"{base}/{receipt['submission_id']}"
        while _json(session.get(address, params={"limit": 1}, timeout=30))["status"] != "complete":
            if time.monotonic() > deadline:
                raise SubmitError(
                    f"Not all verdicts came within {timeout_seconds:.0f} seconds; look again at {address}."
                )
            time.sleep(_POLL_SECONDS)
        return _whole(session, address)
    except requests.ConnectionError as error:
        raise SubmitError(f"{url} cannot be reached. Is the suite running there?") from error
    except requests.RequestException as error:
        raise SubmitError(
            f"The answer of {url} did not come whole. Send the file again: the same file counts once."
        ) from error


def _whole(session: requests.Session, address: str) -> dict[str, Any]:
    submission: dict[str, Any] = _json(session.get(address, timeout=60))
    claims, cursor = submission["claims"], submission["next_cursor"]
    while cursor:
        page = _json(session.get(address, params={"cursor": cursor}, timeout=60))
        claims += page["claims"]
        cursor = page["next_cursor"]
    return submission


def _json(answer: requests.Response) -> Any:
    if answer.ok:
        return answer.json()
    try:
        problem = answer.json()
    except requests.JSONDecodeError:
        raise SubmitError(f"The suite answered {answer.status_code} {answer.reason}.") from None
    lines = [problem.get("detail") or problem.get("title", "The suite refused the request.")]
    for error in problem.get("errors", ()):
        if error.get("message") not in lines:
            lines.append(f"{error.get('field', '')}: {error.get('message')}")
        lines += [
            f"{word}: {error[key]}"
            for key, word in (("where", "Where"), ("expected", "Right would be"))
            if error.get(key)
        ]
    raise SubmitError("\n".join(lines))
