"""The batches of a training."""

from typing import Any

import pytest
import torch

from yolo3 import TargetEncoder, YoloDataset
from yolo3.boxes import InputFormat
from yolo3.data import SampleSet
from yolo3.training import DetectionData, EvaluationBatch, FittedImages


def test_images_to_measure_keep_their_own_pixels(validation_set: SampleSet) -> None:
    images = FittedImages(validation_set, InputFormat((128, 128)))

    batch = EvaluationBatch.collate([images[0], images[1]])

    assert batch.images.shape == (2, 3, 128, 128)
    assert (batch.samples[1].boxes == validation_set[1].boxes).all()
    mine = batch.truth.boxes[batch.truth.image == 1]
    assert torch.allclose(mine, 2 * torch.from_numpy(validation_set[1].boxes))  # the input is twice as large
    restored = batch.letterboxes[1].invert(mine)
    assert torch.allclose(restored, torch.from_numpy(validation_set[1].boxes), atol=1e-4)
    assert batch.to("cpu").images.equal(batch.images)


def test_an_epoch_leaves_a_small_rest_out(trial: Any) -> None:
    data = trial.data()
    assert [len(images) for images, _ in data.train_dataloader()] == [4, 4, 4]
    data.batch_size = 5
    assert [len(images) for images, _ in data.train_dataloader()] == [5, 5]
    data.batch_size = 50  # fewer images than a batch are one batch
    assert [len(images) for images, _ in data.train_dataloader()] == [12]


def test_images_to_measure_come_in_order(trial: Any, validation_set: SampleSet) -> None:
    paths = [sample.image for batch in trial.data().val_dataloader() for sample in batch.samples]

    assert paths == [sample.image for sample in validation_set]


def test_refuses_dense_targets_and_empty_sets(training_set: SampleSet, validation_set: SampleSet) -> None:
    with pytest.raises(ValueError, match="encoder=None"):
        DetectionData(YoloDataset(training_set, encoder=TargetEncoder(image_size=(64, 64))), validation_set)
    with pytest.raises(ValueError, match="12 images to train on and 0 to evaluate on"):
        DetectionData(YoloDataset(training_set, encoder=None, image_size=(64, 64)), validation_set[:0])


def test_images_are_evaluated_with_the_input_format_of_the_training_set(validation_set: SampleSet) -> None:
    train = YoloDataset(validation_set, encoder=None, image_size=(64, 96), letterbox="stretch", channels=1)
    data = DetectionData(train, validation_set, test=validation_set, num_workers=0)

    assert train.input_format == InputFormat((64, 96), "stretch", channels=1)
    for loader in (data.val_dataloader(), data.test_dataloader()):
        batch = next(iter(loader))
        assert batch.images.shape[1:] == (1, 64, 96)
        assert {letterbox.name for letterbox in batch.letterboxes} == {"stretch"}
