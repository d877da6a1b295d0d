"""Reading data sets of a format that has no folders of its own."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from yolo3.data.faults import DataError, OnFault, refuse
from yolo3.data.layout.contents import Contents
from yolo3.data.layout.found import FoundLayout
from yolo3.data.sample import SampleSet
from yolo3.data.sample_builder import OnObject, ignore
from yolo3.data.work import QUIETLY, Work


@dataclass(frozen=True)
class LayoutReader:
    """Reads a format that is found by what its files hold: ``read`` and ``splits`` of its `DataFormat`."""

    find: Callable[[Contents, bool], FoundLayout | None]
    """Finds a data set by what its files hold; see `yolo3.data.data_format.DataFormat.find`."""
    lacking: str
    """Description of what a path lacks if it has no such data set."""

    def read(
        self,
        path: Path,
        split: str | None = None,
        names: Sequence[str] | None = None,
        on_fault: OnFault = refuse,
        on_object: OnObject = ignore,
        allow_outside: bool = False,
        work: Work = QUIETLY,
    ) -> SampleSet:
        """The samples of a split, or of the whole data set.

        Args:
            path: Folder, or one annotation file.
            split: Name of a split; see `yolo3.data.layout.splits`. None reads all.
            names: Class names, in order. None takes those of the data set.
            on_fault: Called with every fault. If it returns, the faulty item is left out.
            on_object: Called with every object, faulty or not.
            allow_outside: Read images outside the folder too.
            work: Reading of many files: quietly, or with a progress bar and several processes.

        Raises:
            DataError: The first fault, unless ``on_fault`` returns; an unknown split; no data set of the format.
        """
        return self._open(path, allow_outside, work).read(split, names, on_fault, on_object)

    def splits(self, path: Path) -> tuple[str, ...]:
        """The splits that the annotations, the names of their files, lists or folders tell.

        Raises:
            DataError: No data set of the format.
        """
        return self._open(path).splits()

    def _open(self, path: Path, allow_outside: bool = False, work: Work = QUIETLY) -> FoundLayout:
        found = self.find(Contents.of(path, allow_outside=allow_outside, work=work), True)
        if found is None:
            raise DataError(f"{path}: {self.lacking}")
        return found
