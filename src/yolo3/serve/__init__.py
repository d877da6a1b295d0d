"""A detector behind HTTP, and a page for people.

uploads.py   what a client may send: from bytes that nobody vouches for to pixels
batching.py  many small jobs, done together
finding.py   from the bytes of a request to its detections
hosts.py     who may ask: no page of another site
guard.py     a limit for bodies, and a short list of open doors
events.py    what a person does at the page, checked
page.py      drop a picture, see boxes, move the thresholds
mounted.py   started by its first request, where nobody else does
answers.py   what is answered
app.py       all of it as an application
running.py   until Ctrl-C or SIGTERM
"""

from yolo3.system.extras import not_installed

try:
    from yolo3.serve.app import create_app
    from yolo3.serve.hosts import is_loopback
    from yolo3.serve.server import run
    from yolo3.serve.uploads import Limits
except ModuleNotFoundError as missing:
    raise not_installed("serving needs", str(missing.name), "serve") from missing

__all__ = ["Limits", "create_app", "is_loopback", "run"]
