"""Schemas of the answers, as the API documentation shows them."""

from pydantic import BaseModel, Field

from yolo3.serve.inference import Readiness, Status


class ImageSize(BaseModel):
    """Size of an upright image, pixels."""

    width: int
    height: int


class Detection(BaseModel):
    """One detected object."""

    name: str = Field(description="class name, or its number where classes have no names")
    label: int = Field(description="class number, from 0")
    score: float
    box: tuple[float, float, float, float] = Field(description="left, top, right, bottom in pixels of the image")


class Answer(BaseModel):
    """Objects in an image, best first."""

    image: ImageSize
    detections: list[Detection]
    limit_reached: bool = Field(description="more objects were found than are kept; those that score less are left out")
    model: str
    milliseconds: float = Field(description="time between the last byte of the image and the answer")


class Health(BaseModel):
    """State of the server and its model."""

    status: Status = Field(
        description="ok; starting: the network has not run yet; failing: the detector raises; draining: shutting down"
    )
    model: str
    names: list[str] = Field(description="class names, by number; empty where classes have none")
    image_size: ImageSize = Field(description="network input size")
    version: str = Field(description="version of yolo3")


class Ready(BaseModel):
    """Whether a request that comes now would be answered."""

    status: Readiness = Field(description="ok; full: as many requests are in progress as are admitted; else as health")


class ErrorMessage(BaseModel):
    """Why a request failed, in one line."""

    detail: str
