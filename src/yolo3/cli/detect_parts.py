"""``yolo3 detect`` in parts: resumed, and shared among processes and machines."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, cast

from yolo3.bulk import (
    Job,
    PartFolder,
    RunRecord,
    Share,
    model_digest,
    run_processes,
    wanted,
)
from yolo3.bulk.formats import FORMATS
from yolo3.bulk.record import FILE as RECORD
from yolo3.choices import OnError, PartFormat, ResultFormat, listed
from yolo3.cli.detecting import DetectorOptions, process_detectors
from yolo3.cli.options import Many
from yolo3.cli.output import check_new, live_folder, plain, write_configuration
from yolo3.cli.parts_done import Step, finish_parts, steps_of
from yolo3.cli.source import files_read
from yolo3.protocols import in_channels_of
from yolo3.sources import Frame, count_frames, find_frames
from yolo3.suppression import check_count
from yolo3.system.devices import choose_device, choose_type
from yolo3.system.folders import contents
from yolo3.system.full_disk import naming_full_disk

PART_SIZE = 1000
"""Number of images per part where none is given."""

_FREE = frozenset(
    {"output", "overwrite", "resume", "devices", "shard", "device", "batch_size", "on_error", "line_width"}
)
"""Options that a run may be resumed with other values of: the parts do not depend on them."""


def in_parts(many: Many, formats: Sequence[ResultFormat]) -> bool:
    """Whether results are written in parts."""
    asked = many.part_size is not None or many.resume or many.devices != 1 or many.shard is not None
    return asked or "parquet" in formats


@dataclass(frozen=True)
class PartsRun:
    """A run in parts."""

    detector_options: DetectorOptions
    many: Many
    on_error: OnError
    formats: Sequence[ResultFormat]
    source: Sequence[str]
    every: int
    max_megapixels: float
    arguments: Mapping[str, Any]
    """All options, by name."""

    def detect(self, output: Path | None, overwrite: bool) -> int:
        """Do the parts that are missing.

        Args:
            output: Folder of the parts. Default: the next of runs/detect, runs/detect-2 and so on.
            overwrite: Whether the parts take the place of what is in the folder.

        Returns:
            The exit code.

        Raises:
            ValueError: Options that do not go together; a folder of another run; an image that cannot be read, where
                that ends the run; parts whose process was lost each time.
            OSError: A folder that cannot be written.
        """
        formats = self._formats()
        share = self._share(output)
        detectors = process_detectors(self.detector_options, self.many.devices)
        detector, card = self.detector_options.load()
        record = RunRecord(model_digest(detector, card), self._options(formats))
        # with several devices each process has its own
        image_detector = None if self.many.devices > 1 else self.detector_options.image_detector(detector, card)
        with self._folder(output, overwrite, record, formats) as path, naming_full_disk(path):
            folder = PartFolder(path, formats)
            if not (path / RECORD).exists():
                write_configuration(path, self.arguments)
                record.write(path)
            folder.remove_unfinished(share)
            total = self._left(folder, share)
            frames = wanted(self._frames(in_channels_of(detector)), self._size, share, folder)
            if image_detector is None:
                job = Job(detectors, record.model_digest, folder, self._size, self.on_error)
                parts = run_processes(job, frames, detectors.count)
                done: Iterator[Step] = ((tally.num_rows, number, tally) for number, tally in parts)
            else:
                done = steps_of(image_detector, frames, self._size, record.model_digest, self.on_error, folder)
            return finish_parts(folder, done, total, self.many.shard)

    @property
    def _size(self) -> int:
        return PART_SIZE if self.many.part_size is None else self.many.part_size

    def _formats(self) -> tuple[PartFormat, ...]:
        """The formats of the parts, when their packages are there."""
        check_count("part_size", self._size, 1)
        check_count("devices", self.many.devices, 1)
        formats = tuple(dict.fromkeys(self.formats or ("jsonl",)))
        if others := [each for each in formats if each not in FORMATS]:
            raise ValueError(f"--formats {','.join(others)} cannot be written in parts; choose {listed(PartFormat)}")
        parts = cast(tuple[PartFormat, ...], formats)
        for each in parts:
            FORMATS[each].check()
        return parts

    def _share(self, output: Path | None) -> Share:
        shard = self.many.shard
        share = Share() if shard is None else Share.parse(shard)
        if output is None and (self.many.resume or shard is not None):
            option = "--resume" if self.many.resume else "--shard"
            raise ValueError(f"{option} continues in a folder; name it with --output")
        return share

    def _options(self, formats: Sequence[PartFormat]) -> dict[str, Any]:
        """The options that the parts depend on, as they turn out."""
        options = {name: plain(value) for name, value in self.arguments.items() if name not in _FREE}
        options |= {"part_size": self._size, "formats": list(formats), "source": list(self.source)}
        options["min_score"] = self.detector_options.objects.suppression(self.detector_options.model).min_score
        hardware = self.detector_options.hardware
        if hardware.precision == "auto":
            options["precision"] = str(choose_type("auto", choose_device(hardware.device))).removeprefix("torch.")
        return options

    def _folder(
        self, output: Path | None, overwrite: bool, record: RunRecord, formats: Sequence[PartFormat]
    ) -> AbstractContextManager[Path]:
        """The folder of the parts, when it may be written: a new one, or that of the run to go on with."""
        before = None if output is None or not output.is_dir() else RunRecord.read(output)
        if output is not None and (self.many.resume or self.many.shard is not None):
            if before is not None:
                before.check_same(record, output)
            elif output.is_dir() and any(not _is_of_a_beginning(each) for each in contents(output)):
                raise ValueError(f"{output} holds no run in parts to go on with; name another folder")
            else:
                check_new(output, overwrite=True)
                output.mkdir(parents=True, exist_ok=True)
            return nullcontext(output)
        if output is not None:
            remedy = "go on with --resume, name another with --output, or pass --overwrite"
            reads = files_read(self.detector_options.model, self.detector_options.darknet, self.source)
            if before is None:
                check_new(output, overwrite, reads)
            else:
                check_new(output, overwrite, reads, remedy)
        folder = output or Path("runs/detect")
        keeps = partial(_has_parts, formats=formats)
        return live_folder(folder, keeps, overwrite, numbered=output is None and not overwrite)

    def _frames(self, channels: int) -> Iterator[Frame]:
        return find_frames(
            self.source,
            self.every,
            max_megapixels=self.max_megapixels,
            channels=channels,
            on_error=self.on_error,
            column=self.many.column,
            stems="plain",
        )

    def _left(self, folder: PartFolder, share: Share) -> int | None:
        """The number of images in the parts that are still to be done; None if it is not known."""
        total = count_frames(self.source, self.every, self.on_error)
        if total is None:
            return None
        finished = folder.finished()
        numbers = range(-(-total // self._size))
        return sum(
            min(self._size, total - number * self._size)
            for number in numbers
            if number in share and number not in finished
        )


def _has_parts(folder: Path, formats: Sequence[PartFormat]) -> bool:
    return bool(PartFolder(folder, formats).finished())


def _is_of_a_beginning(path: Path) -> bool:
    """Whether a file is one that a run in parts has made before its record."""
    return path.name in ("config.yaml", RECORD) or ".unfinished-" in path.name
