"""Structured logs: one JSON object a line, with a correlation id from upload to payment and PHI removed.

Our code and the libraries' (gunicorn, werkzeug, alembic, kafka, pyx12, sqlalchemy) go through one formatter,
so that the redaction in ``shared.redaction`` cannot be walked around.
"""

import logging
import sys
from typing import TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from shared.redaction import redact, redact_quoted

# Libraries that speak per request, per poll or per segment; what matters of it we say ourselves.
_QUIET = {"werkzeug": "WARNING", "kafka": "WARNING", "pyx12": "WARNING", "sqlalchemy": "WARNING"}
_READS_CLAIMS = ("pyx12", "openpyxl", "python_calamine")
_BEFORE: list[Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.stdlib.PositionalArgumentsFormatter(),
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]


def configure_logging(
    level: str = "INFO", *, stream: TextIO | None = None, console: bool | None = None, service: str = ""
) -> None:
    """Send all log records to ``stream`` (default: standard error), as JSON, or coloured on a terminal.

    Replaces the handlers of the root logger; call once at the start of a process. ``service`` is put on every
    record.
    """
    stream = stream or sys.stderr
    console = stream.isatty() if console is None else console
    renderer: Processor = (
        structlog.dev.ConsoleRenderer() if console else structlog.processors.JSONRenderer(ensure_ascii=False)
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[structlog.stdlib.ExtraAdder(), *_BEFORE],
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.StackInfoRenderer(),
            structlog.processors.format_exc_info,  # a text without locals: locals hold claims
            _named(service),
            remove_phi,
            renderer,
        ],
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    for old in root.handlers[:]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(level)
    for name, quiet in _QUIET.items():
        logging.getLogger(name).setLevel(max(logging.getLevelName(level), logging.getLevelName(quiet)))
    for name in ("gunicorn", "gunicorn.error", "gunicorn.access", "alembic", "werkzeug"):
        library = logging.getLogger(name)
        library.handlers.clear()
        library.propagate = True
    logging.captureWarnings(True)
    _configure_structlog(structlog.stdlib.ProcessorFormatter.wrap_for_formatter)


def get_logger(name: str) -> structlog.stdlib.BoundLogger:
    """A module's logger: ``log.info("claims_judged", claims=500)``: the event is a name, facts are fields."""
    return structlog.stdlib.get_logger(name)


def remove_phi(_logger: WrappedLogger, _method: str, record: EventDict) -> EventDict:
    """The last processor before rendering: nothing that identifies a member leaves the process in a log."""
    if str(record.get("logger", "")).startswith(_READS_CLAIMS):
        for field in ("event", "exception"):
            if field in record:
                record[field] = redact_quoted(str(record[field]))
    return redact(record)


def _named(service: str) -> Processor:
    def add(_logger: WrappedLogger, _method: str, record: EventDict) -> EventDict:
        if service:
            record.setdefault("service", service)
        return record

    return add


def _configure_structlog(*last: Processor) -> None:
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *_BEFORE, *last],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )


# Until a process configures its logs, structlog would print tracebacks with locals; safe from the first
# line on.
_configure_structlog(
    structlog.processors.format_exc_info, remove_phi, structlog.processors.JSONRenderer(ensure_ascii=False)
)
