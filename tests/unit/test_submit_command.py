"""`promptclaim submit` where the suite goes away in the middle of an answer."""

import socket
import threading
from pathlib import Path

import pytest

from services.commands.submit import SubmitError, submit


def test_an_answer_cut_off_in_the_middle_is_explained_and_the_file_may_be_sent_again(tmp_path: Path) -> None:
    path = tmp_path / "claims.837"
    path.write_bytes(b"ISA")
    with socket.create_server(("127.0.0.1", 0)) as server:
        answering = threading.Thread(target=_half_an_answer, args=(server,))
        answering.start()

        with pytest.raises(SubmitError, match="Send the file again"):
            submit(path, f"http://127.0.0.1:{server.getsockname()[1]}", "key", progress=lambda *_: None)

        answering.join(10)


def _half_an_answer(server: socket.socket) -> None:
    connection, _ = server.accept()
    with connection:
        received = b""
        while b"ISA" not in received:
            received += connection.recv(65_536)
        connection.sendall(b"HTTP/1.1 202 Accepted\r\nTransfer-Encoding: chunked\r\n\r\n40\r\n{")
