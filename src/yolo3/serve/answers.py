"""What the server answers, as its documentation describes it."""

from pydantic import BaseModel, Field

from yolo3.serve.inference import State


class ImageSize(BaseModel):
    """Of the picture as a person sees it, in pixels."""

    width: int
    height: int


class Detection(BaseModel):
    """An object."""

    name: str = Field(description="of its class; the number where classes have no names")
    label: int = Field(description="number of its class, from 0")
    score: float
    box: tuple[float, float, float, float] = Field(description="left, top, right, bottom in pixels of the picture")


class Answer(BaseModel):
    """What is in a picture, best first."""

    image: ImageSize
    detections: list[Detection]
    limit_reached: bool = Field(description="more objects were found than are kept; those that score less are left out")
    model: str
    milliseconds: float = Field(description="from the last byte of the picture to the answer")


class Health(BaseModel):
    """Whether the server works, and with what."""

    status: State = Field(
        description="ok; starting: nothing was found yet; failing: the detector raises; draining: it is about to end"
    )
    model: str
    names: list[str] = Field(description="of the classes, by number; empty where they have none")
    image_size: ImageSize = Field(description="of the network's input")
    version: str = Field(description="of yolo3")


class ErrorMessage(BaseModel):
    """Why there is no answer, in one line."""

    detail: str
