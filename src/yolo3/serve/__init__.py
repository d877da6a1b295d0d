"""A detector behind HTTP, with a web page.

uploads.py    limits of a request, and the decoding of untrusted bytes
batching.py   requests gathered into batches
inference.py  from the bytes of a request to its detections
hosts.py      no requests from pages of other sites
guard.py      size limits of bodies, and the list of open routes
metrics.py    measurements for Prometheus
logs.py       errors as text, or requests and errors as JSON
events.py     checked events of the page
page.py       the page: drop an image, see boxes, move the thresholds
inside.py     the tab of the page that explains a prediction
mounted.py    startup inside another application
answers.py    schemas of the answers
app.py        the ASGI application
server.py     the server, until Ctrl-C or SIGTERM
"""

from yolo3.system.extras import not_installed

try:
    from yolo3.serve.app import create_app
    from yolo3.serve.hosts import is_loopback
    from yolo3.serve.server import check_root_path, run
    from yolo3.serve.uploads import Limits
except ModuleNotFoundError as missing:
    raise not_installed("serving needs", str(missing.name), "serve") from missing

__all__ = ["Limits", "check_root_path", "create_app", "is_loopback", "run"]
