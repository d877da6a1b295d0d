"""The annotation formats as the type of an option."""

from typing import TYPE_CHECKING, Literal, TypeAlias

from yolo3.data.formats import FORMATS

if TYPE_CHECKING:
    FormatName: TypeAlias = str
else:  # the parser takes the choices, and their list in messages and in --help, from the type
    FormatName = Literal[tuple(format.name for format in FORMATS)]
