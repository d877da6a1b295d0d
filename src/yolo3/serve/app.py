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
from starlette.types import Scope
from torch import Tensor

from yolo3 import __version__
from yolo3.predictor import Predictor
from yolo3.results import to_dict
from yolo3.serve.answers import Answer, ErrorMessage, Health, ImageSize, Ready
from yolo3.serve.guard import Guard
from yolo3.serve.hosts import Hosts
from yolo3.serve.inference import InferenceService
from yolo3.serve.logs import log_request
from yolo3.serve.metrics import CONTENT_TYPE, Measured, Metrics
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
        predictor: Predictor to serve. Its thresholds apply to requests that name none.
        model: Name of the model in answers.
        limits: Limits of a request.
        batch_size: Images per network pass.
        allowed_hosts: Host names of the server, besides localhost. A request for another host is refused, and so is one
            from another site's page. ``["*"]`` allows any. None allows any too, except at a loopback address, where
            only localhost is allowed.
    """
    metrics = Metrics(model)
    service = InferenceService(predictor, limits, batch_size, metrics)
    app = create_api(service, model)
    events = mount_page(app, service, model)
    app.add_middleware(
        Guard, max_bytes=limits.bytes, max_uploads=round(limits.uploads * 1e6), uploads=upload_folder(), events=events
    )
    app.add_middleware(StartedOnDemand, application=app)
    app.add_middleware(Hosts, allowed=allowed_hosts)

    def ended(scope: Scope, route: str, status: int, seconds: float) -> None:
        metrics.add_request(route, status, seconds)
        log_request(scope, route, status, seconds)

    app.add_middleware(Measured, ended=ended)
    return app


def create_api(service: InferenceService, model: str) -> FastAPI:
    """The routes for programs, ``/detect``, ``/health``, ``/ready`` and ``/metrics``, and their documentation.

    Args:
        service: Inference service. It is closed when the application ends.
        model: Name of the model in answers.
    """
    predictor = service.predictor
    limits = service.limits
    suppression = predictor.suppression
    # no number where classes have their own
    own = None if isinstance(suppression.min_score, Tensor) else suppression.min_score

    class Thresholds(BaseModel):
        model_config = ConfigDict(extra="forbid")  # a misspelt threshold must not be ignored
        min_score: float | None = Field(
            own,
            ge=0,
            le=1,
            description="confidence threshold, keep objects that score above it. Default: the server's",
        )
        iou_threshold: float = Field(
            suppression.iou_threshold,
            ge=0,
            le=1,
            description="NMS threshold, of boxes whose IoU is above it keep the best",
        )

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        service.open()
        try:
            yield
        finally:  # mounted in another application, it is cancelled with the loop
            service.close()

    app: FastAPI = FastAPIOffline(
        redoc_url=None,
        title=f"yolo3: {model}",
        version=__version__,
        description="Object detection in images.",
        lifespan=lifespan,
        swagger_ui_parameters={"validatorUrl": None},  # it would send the schema to a server elsewhere
    )
    app.state.service = service
    app.add_exception_handler(Refused, _refused)
    app.add_exception_handler(RequestValidationError, _misunderstood)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(Exception, _failed)

    errors: dict[int | str, dict[str, Any]] = {
        400: {"model": ErrorMessage, "description": "A form that cannot be read, or with more than one file."},
        408: {"model": ErrorMessage, "description": f"The image took longer than {limits.seconds:g} s to arrive."},
        413: {
            "model": ErrorMessage,
            "description": f"More than {limits.megabytes:g} megabytes or {limits.megapixels:g} megapixels.",
        },
        415: {"model": ErrorMessage, "description": f"Not an image; {', '.join(FORMATS)} are read."},
        422: {"model": ErrorMessage, "description": "A wrong threshold, or an image that is missing or damaged."},
        500: {"model": ErrorMessage, "description": "The detector failed."},
        503: {
            "model": ErrorMessage,
            "description": f"{limits.requests} requests are in progress, or the server is shutting down; try again.",
        },
    }

    @app.post("/detect", response_model=Answer, responses=errors, openapi_extra={"requestBody": _BODY})
    async def detect(request: Request, thresholds: Annotated[Thresholds, Query()]) -> Any:
        """Detect the objects in an image: a form's `file`, or the body itself as `image/…`."""
        with service.admission():
            content = await _content(request, limits)
            start = time.perf_counter()
            seen = await service.infer(content)
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
        return _error(405, "send an image with POST; see /docs")

    @app.head("/health", include_in_schema=False)
    @app.get("/health", responses={503: {"model": Health, "description": "Any other status than ok."}})
    async def health(response: Response) -> Health:
        """State of the server: 200 if the detector works, 503 if not."""
        height, width = predictor.image_size
        state = await service.state()
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

    @app.head("/ready", include_in_schema=False)
    @app.get("/ready", responses={503: {"model": Ready, "description": "Any other status than ok."}})
    async def ready(response: Response) -> Ready:
        """Whether a request that comes now would be answered: 200 if so, 503 if not."""
        status = await service.readiness()
        if status != "ok":
            response.status_code = 503
            response.headers["Retry-After"] = "1"
        return Ready(status=status)

    @app.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}})
    async def metrics() -> Response:
        """Requests, errors, latency, batches and queues in the text format of Prometheus."""
        return Response(service.metrics.text(), media_type=CONTENT_TYPE)

    return app


async def _content(request: Request, limits: Limits) -> bytes:
    """The bytes of the image."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    try:
        with anyio.fail_after(limits.seconds):
            if kind == "multipart/form-data":
                async with request.form(max_files=1, max_fields=10) as form:
                    file = form.get("file")
                    if not isinstance(file, UploadFile):
                        raise Refused(422, "the form has no file named 'file'; send it as: curl -F file=@image.jpg")
                    if others := form.keys() - {"file"}:  # such as a threshold, which must not be ignored
                        where = "put thresholds in the URL: /detect?min_score=0.5"
                        raise Refused(422, f"the form has {min(others)[:40]!r} besides 'file'; {where}")
                    return await file.read()
            if kind and not kind.startswith("image/") and kind != "application/octet-stream":
                raise Refused(415, f"content type {kind}; send a form's file, or a body of type image/…")
            return await request.body()
    except TimeoutError:
        raise Refused(408, f"the image took longer than {limits.seconds:g} s to arrive") from None


def _error(status: int, message: str) -> JSONResponse:
    return JSONResponse({"detail": message}, status, {"Retry-After": "1"} if status == 503 else None)


async def _refused(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, Refused)
    return _error(error.status, error.message)


async def _http_error(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    return _error(error.status_code, str(error.detail))


async def _misunderstood(_: Request, error: Exception) -> JSONResponse:
    """Answer a query with wrong parameters: each with its value and what it should be."""
    assert isinstance(error, RequestValidationError)
    parts = [f"{part['loc'][-1]}={str(part['input'])[:40]!r}: {part['msg']}" for part in error.errors()]
    return _error(422, "; ".join(parts))


async def _failed(_: Request, error: Exception) -> JSONResponse:
    logging.getLogger(__name__).error("a request failed", exc_info=error)
    return _error(500, "the detector failed; its log says why")
