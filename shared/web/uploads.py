"""A file that somebody sends: as the form field ``file``, or as the raw body."""

import shutil
from pathlib import Path

from flask import request

from shared.web.problems import Problem

_CHUNK_BYTES = 1 << 20


def save_upload(path: Path) -> str:
    """Write the upload to ``path``; the name that the sender gave it, empty if none.

    Raises ``Problem`` 422 for a form without a file.
    """
    if request.mimetype == "multipart/form-data":
        file = request.files.get("file")
        if file is None:
            message = "Send the file in the form field named file."
            raise Problem(422, "No file", message, errors=[{"field": "file", "message": message}])
        file.save(path)
        return name_of_upload(file.filename)
    with path.open("wb") as target:
        shutil.copyfileobj(request.stream, target, _CHUNK_BYTES)
    return name_of_upload(request.args.get("file_name"))


def name_of_upload(given: str | None) -> str:
    """The file name to show: what the sender gave, without folders and what cannot be printed; empty if none."""
    return "".join(character for character in Path(given or "").name if character.isprintable())[:255]
