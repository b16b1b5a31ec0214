"""Reading claims in a process of its own, so that reading and judging a large file share two cores.

Batches cross a pipe as MessagePack. The pipe holds little, so the reader waits for the judge and memory stays flat.
"""

import itertools
from collections.abc import Callable, Iterator
from multiprocessing import get_context
from multiprocessing.connection import Connection

import msgspec

from services.intake.readers import ClaimRead, UnreadableClaim

Item = ClaimRead | UnreadableClaim

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[Item]).decode


class ReaderDied(Exception):
    """The reading process ended before the file did."""


def batches(items: Iterator[Item], size: int) -> Iterator[list[Item]]:
    """The items in lists of ``size``, the last one shorter."""
    while batch := list(itertools.islice(items, size)):
        yield batch


def batches_read_ahead(items: Callable[[], Iterator[Item]], size: int) -> Iterator[list[Item]]:
    """As :func:`batches`, but ``items`` runs in a forked process. Raises ``ReaderDied`` where it fails there."""
    receiving, sending = get_context("fork").Pipe(duplex=False)
    reader = get_context("fork").Process(target=_read, args=(items, size, sending))
    reader.start()
    sending.close()
    try:
        while batch := _next_batch(receiving):
            yield batch
    finally:
        receiving.close()
        reader.join()


def _read(items: Callable[[], Iterator[Item]], size: int, sending: Connection) -> None:
    for batch in batches(items(), size):
        sending.send_bytes(_encode(batch))
    sending.send_bytes(_encode([]))


def _next_batch(receiving: Connection) -> list[Item]:
    try:
        return _decode(receiving.recv_bytes())
    except EOFError as error:
        raise ReaderDied("the file could not be read to its end") from error
