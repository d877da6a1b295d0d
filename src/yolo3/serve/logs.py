"""The log of a server: errors as text, or every request and error as a line of JSON."""

import json
import logging
import sys
from datetime import UTC, datetime

from starlette.types import Scope

_OURS = logging.getLogger("yolo3.serve")
_REQUEST = "request"


class JsonLines(logging.Formatter):
    """Log records as JSON, one per line, with the fields of a request beside the message."""

    def format(self, record: logging.LogRecord) -> str:
        """A record as a line; a traceback stands in it as ``exception``."""
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **getattr(record, _REQUEST, {}),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=str)


def log_request(scope: Scope, route: str, status: int, seconds: float) -> None:
    """Log a request that has ended. A path is as long as its client wants: the first letters are enough."""
    client = scope.get("client") or ("", 0)
    fields = {
        "method": scope["method"],
        "route": route,
        "path": scope["path"][:200],
        "status": status,
        "milliseconds": round(1000 * seconds, 1),
        "client": client[0],
    }
    _OURS.info("%s %s %s", scope["method"], route, status, extra={_REQUEST: fields})


def log_as_json() -> None:
    """Write the log of this server and of uvicorn to standard error as JSON, requests included."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    for name, level in (("yolo3.serve", logging.INFO), ("uvicorn", logging.WARNING), ("py.warnings", logging.WARNING)):
        logger = logging.getLogger(name)
        logger.handlers = [handler]
        logger.setLevel(level)
        logger.propagate = False
    logging.captureWarnings(True)
