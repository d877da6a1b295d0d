"""Detect in a folder of images with Ray Data: `python examples/detect_ray.py runs/bccd IMAGES --output detections`.

Needs `pip install "yolo3-torch[ray]"`. Rows are paths, not pixels, so that the object store stays small; every actor
loads the model once. On a cluster `ray.init()` joins it, and the paths must be readable on every machine.
"""

import argparse
from pathlib import Path

import ray

from yolo3.data import find_images
from yolo3.ray import Detect


def detect(checkpoint: str, folder: Path, output: Path, actors: int, gpus: float) -> "ray.data.Dataset":
    paths = [{"path": str(path.resolve())} for path in find_images(folder)]
    images = ray.data.from_items(paths, override_num_blocks=max(actors, len(paths) // 100))
    found = images.map_batches(
        Detect,
        compute=ray.data.ActorPoolStrategy(size=actors),
        batch_size=32,
        num_gpus=gpus,
        fn_constructor_args=[str(Path(checkpoint).resolve()) if Path(checkpoint).exists() else checkpoint],
    )
    found.write_parquet(str(output.resolve()))
    return ray.data.read_parquet(str(output.resolve()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--output", type=Path, default=Path("detections"))
    parser.add_argument("--actors", type=int, default=2)
    parser.add_argument("--gpus", type=float, default=0, help="GPUs per actor")
    words = parser.parse_args()
    if words.output.exists():
        parser.error(f"{words.output} exists, and Ray would add to it; name another with --output")
    ray.data.DataContext.get_current().enable_progress_bars = False
    rows = detect(words.checkpoint, words.folder, words.output, words.actors, words.gpus)
    errors = [row["path"] for row in rows.iter_rows() if row["error"] is not None]
    print(f"{rows.count()} images, {len(errors)} of them could not be read: {words.output}")


if __name__ == "__main__":
    main()
