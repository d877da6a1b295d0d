"""The check that a resumed training has the same data."""

from pathlib import Path
from typing import Any

from lightning.pytorch import Callback

from yolo3.training.datamodule import DetectionData


class SameData(Callback):
    """Refuses to resume a training whose annotations or list of images have changed.

    Args:
        data: Data of the training.
        digest: Digest of the training set, `SampleSet.digest`; an empty one is not compared.
        folder: Output folder of the training, for the message.
    """

    def __init__(self, data: DetectionData, digest: str, folder: Path) -> None:
        self.folder = folder
        measured = getattr(data.validation.samples, "digest", str)()  # a plain list has none
        self.digests = {"train": digest, "measure": measured}
        self.counts = {"train": len(data.train), "measure": len(data.validation)}

    def state_dict(self) -> dict[str, Any]:
        """Digests and numbers of images."""
        return {"digests": self.digests, "counts": self.counts}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Compare with the data now.

        Raises:
            ValueError: Data that has changed.
        """
        for purpose, before in state_dict["digests"].items():
            now = self.digests[purpose]
            if before and now and before != now:
                count_before = f"{state_dict['counts'][purpose]:,}"
                count_now = f"{self.counts[purpose]:,}"
                raise ValueError(
                    f"the data to {purpose} on is not what this training started with: {count_before} images with the "
                    f"digest {before[:12]} then, {count_now} with {now[:12]} now; restore it, or start another "
                    f"training from these weights: --weights {self.folder} --output NEW"
                )
