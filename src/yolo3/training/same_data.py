"""A training goes on with the data that it began with."""

from pathlib import Path
from typing import Any

from lightning.pytorch import Callback

from yolo3.training.datamodule import DetectionData


class SameData(Callback):
    """Refuses to resume a training whose annotations or list of images have changed meanwhile.

    Args:
        data: of the training.
        digest: of what it trains on, `SampleSet.digest`; empty is not known, and not compared.
        folder: of the training, for the message.
    """

    def __init__(self, data: DetectionData, digest: str, folder: Path) -> None:
        self.folder = folder
        measured = getattr(data.validation.samples, "digest", str)()  # that of a list is not known
        self.digests = {"train": digest, "measure": measured}
        self.counts = {"train": len(data.train), "measure": len(data.validation)}

    def state_dict(self) -> dict[str, Any]:
        """What is compared, for a training that is resumed."""
        return {"digests": self.digests, "counts": self.counts}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Compare.

        Raises:
            ValueError: the data has changed.
        """
        for purpose, before in state_dict["digests"].items():
            now = self.digests[purpose]
            if before and now and before != now:
                counts = f"{state_dict['counts'][purpose]:,} images", f"{self.counts[purpose]:,}"
                raise ValueError(
                    f"the data to {purpose} on is not what this training began with: {counts[0]} with the digest "
                    f"{before[:12]} then, {counts[1]} with {now[:12]} now; bring it back as it was, or begin another "
                    f"training from these weights: --weights {self.folder} --output NEW"
                )
