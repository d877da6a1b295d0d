"""The detector behind HTTP: ``POST /detect``, ``/health``, their documentation, and a page for people."""

import logging
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Annotated, Any

import anyio
import anyio.to_thread
from fastapi import FastAPI, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi_offline import FastAPIOffline
from pydantic import BaseModel, ConfigDict, Field
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from torch import Tensor

from yolo3 import __version__
from yolo3.predictor import Predictor
from yolo3.results import to_dict
from yolo3.serve.answers import Answer, Health, ImageSize, Mistake
from yolo3.serve.finding import Finder
from yolo3.serve.guard import Guard
from yolo3.serve.hosts import Hosts
from yolo3.serve.mounted import StartedOnDemand
from yolo3.serve.page import mount_page, upload_folder
from yolo3.serve.uploads import FORMATS, Limits, Refused

_BINARY = {"type": "string", "format": "binary"}
_BODY = {  # what `_content` reads; FastAPI cannot say "one or the other" by a signature
    "required": True,
    "content": {
        "multipart/form-data": {
            "schema": {"type": "object", "properties": {"file": _BINARY}, "required": ["file"]},
        },
        "image/*": {"schema": _BINARY},
    },
}


def create_app(
    predictor: Predictor,
    model: str = "yolo3",
    limits: Limits = Limits(),
    batch_size: int = 8,
    allowed_hosts: Sequence[str] | None = None,
) -> FastAPI:
    """A detector as an application for any ASGI server, alone or mounted in another application.

    Nothing that a client sends is opened as a path or loaded as an object, and nothing is fetched from elsewhere,
    neither by the server nor by the page in a browser.

    Args:
        predictor: finds the objects; its thresholds are those of requests that name none.
        model: what it is called in answers.
        limits: of requests.
        batch_size: pictures that go through the network together.
        allowed_hosts: The names that the server goes by, besides localhost; a request for another is refused, and so is
            one of another site's page. ``["*"]`` is any; None is any too, but at a loopback address localhost alone.
    """
    finder = Finder(predictor, limits, batch_size)
    app = create_api(finder, model)
    events = mount_page(app, finder, model)
    app.add_middleware(
        Guard, max_bytes=limits.bytes, max_uploads=round(limits.uploads * 1e6), uploads=upload_folder(), events=events
    )
    app.add_middleware(StartedOnDemand, application=app)
    app.add_middleware(Hosts, allowed=allowed_hosts)
    return app


def create_api(finder: Finder, model: str) -> FastAPI:
    """What programs ask: ``/detect`` and ``/health``, and their documentation.

    Args:
        finder: runs the network; it is closed when the application ends.
        model: what it is called in answers.
    """
    predictor = finder.predictor
    limits = finder.limits
    suppression = predictor.suppression
    # no number where classes have their own
    own = None if isinstance(suppression.min_score, Tensor) else suppression.min_score

    class Thresholds(BaseModel):
        model_config = ConfigDict(extra="forbid")  # a misspelt threshold must not be ignored
        min_score: float | None = Field(
            own, ge=0, le=1, description="keep objects that score above this; without it, as the server was set up"
        )
        iou_threshold: float = Field(
            suppression.iou_threshold, ge=0, le=1, description="of boxes whose IoU is above this, keep the best"
        )

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        finder.open()
        yield
        finder.close()

    app: FastAPI = FastAPIOffline(
        redoc_url=None,
        title=f"yolo3: {model}",
        version=__version__,
        description="Finds objects in pictures.",
        lifespan=lifespan,
        swagger_ui_parameters={"validatorUrl": None},  # it would send the schema to a server elsewhere
    )
    app.state.finder = finder
    app.add_exception_handler(Refused, _refused)
    app.add_exception_handler(RequestValidationError, _misunderstood)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(Exception, _failed)

    mistakes: dict[int | str, dict[str, Any]] = {
        400: {"model": Mistake, "description": "A form that cannot be read, or with more than one file."},
        408: {"model": Mistake, "description": f"The picture took longer than {limits.seconds:g} s to arrive."},
        413: {
            "model": Mistake,
            "description": f"More than {limits.megabytes:g} megabytes or {limits.megapixels:g} megapixels.",
        },
        415: {"model": Mistake, "description": f"No picture; {', '.join(FORMATS)} are read."},
        422: {"model": Mistake, "description": "A wrong threshold, or a picture that is missing or damaged."},
        500: {"model": Mistake, "description": "The detector failed."},
        503: {
            "model": Mistake,
            "description": f"{limits.requests} requests are at work already, or the server is about to end; try again.",
        },
    }

    @app.post("/detect", response_model=Answer, responses=mistakes, openapi_extra={"requestBody": _BODY})
    async def detect(request: Request, thresholds: Annotated[Thresholds, Query()]) -> Any:
        """Find the objects of a picture: a form's `file`, or the body itself as `image/…`."""
        with finder.admission():
            content = await _content(request, limits)
            start = time.perf_counter()
            seen = await finder.see(content)
            asked = replace(suppression, iou_threshold=thresholds.iou_threshold)
            if thresholds.min_score is not None:
                asked = asked.at(thresholds.min_score)
            found = await anyio.to_thread.run_sync(seen.detections, asked)
        height, width = seen.image_size
        return {
            **to_dict(model, found),
            "image": {"width": width, "height": height},
            "limit_reached": found.limit_reached,
            "model": model,
            "milliseconds": round(1000 * (time.perf_counter() - start), 1),
        }

    @app.api_route("/detect", methods=["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"], include_in_schema=False)
    async def not_detect() -> JSONResponse:  # the page's routes would answer that nothing is here
        return _mistake(405, "send a picture with POST; see /docs")

    @app.head("/health", include_in_schema=False)
    @app.get("/health", responses={503: {"model": Health, "description": "Any other status than ok."}})
    async def health(response: Response) -> Health:
        """Whether the server works: 200 if the detector finds, or would find, 503 if not."""
        height, width = predictor.image_size
        state = await finder.state()
        if state != "ok":
            response.status_code = 503
            response.headers["Retry-After"] = "1"
        return Health(
            status=state,
            model=model,
            names=list(predictor.names),
            image_size=ImageSize(width=width, height=height),
            version=__version__,
        )

    return app


async def _content(request: Request, limits: Limits) -> bytes:
    """The bytes of the picture."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    try:
        with anyio.fail_after(limits.seconds):
            if kind == "multipart/form-data":
                async with request.form(max_files=1, max_fields=10) as form:
                    file = form.get("file")
                    if not isinstance(file, UploadFile):
                        raise Refused(422, "the form has no file named 'file'; send it as: curl -F file=@picture.jpg")
                    if others := form.keys() - {"file"}:  # such as a threshold, which must not be ignored
                        where = "thresholds stand in the address: /detect?min_score=0.5"
                        raise Refused(422, f"the form has {min(others)[:40]!r} besides 'file'; {where}")
                    return await file.read()
            if kind and not kind.startswith("image/") and kind != "application/octet-stream":
                raise Refused(415, f"content type {kind}; send a form's file, or a body of type image/…")
            return await request.body()
    except TimeoutError:
        raise Refused(408, f"the picture took longer than {limits.seconds:g} s to arrive") from None


def _mistake(status: int, message: str) -> JSONResponse:
    return JSONResponse({"detail": message}, status, {"Retry-After": "1"} if status == 503 else None)


async def _refused(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, Refused)
    return _mistake(error.status, error.message)


async def _http_error(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    return _mistake(error.status_code, str(error.detail))


async def _misunderstood(_: Request, error: Exception) -> JSONResponse:
    """Of a query: which parameter, what it is, and what it should be."""
    assert isinstance(error, RequestValidationError)
    parts = [f"{part['loc'][-1]}={str(part['input'])[:40]!r}: {part['msg']}" for part in error.errors()]
    return _mistake(422, "; ".join(parts))


async def _failed(_: Request, error: Exception) -> JSONResponse:
    logging.getLogger(__name__).error("a request failed", exc_info=error)
    return _mistake(500, "the detector failed; its log says why")
