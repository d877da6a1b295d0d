"""Writing COCO: one JSON file per split."""

import json
from pathlib import Path

from yolo3.choices import Placement
from yolo3.data.coco_table import Entry
from yolo3.data.writing import Album


def write_coco(folder: Path, album: Album, images: Placement = "copy") -> list[str]:
    """Write a data set into an empty folder.

    Returns:
        Descriptions of what is lost. Difficult objects have a key ``difficult``, beside COCO's own keys.
    """
    album.place(folder / "images", images)
    (folder / "annotations").mkdir()
    image_ids = {file_name: number for number, file_name in enumerate(album.images, start=1)}
    for split, file_names in album.splits.items():
        content: dict[str, list[Entry]] = {"images": [], "annotations": []}
        content["categories"] = [{"id": number, "name": name} for number, name in enumerate(album.names, start=1)]
        for file_name in dict.fromkeys(file_names):
            sample = album.images[file_name]
            image_id = image_ids[file_name]
            height, width = sample.size
            content["images"].append({"id": image_id, "file_name": file_name, "width": width, "height": height})
            for index, (left, top, right, bottom) in enumerate(sample.boxes.astype(float).round(4).tolist()):
                annotation = {
                    "id": len(content["annotations"]) + 1,
                    "image_id": image_id,
                    "category_id": int(sample.labels[index]) + 1,
                    "bbox": [left, top, round(right - left, 4), round(bottom - top, 4)],
                    "area": round(float(sample.area[index]), 4),
                    "iscrowd": int(sample.crowd[index]),
                }
                if sample.difficult[index]:
                    annotation["difficult"] = 1
                content["annotations"].append(annotation)
        text = json.dumps(content, ensure_ascii=False)
        (folder / "annotations" / f"instances_{split}.json").write_text(text, encoding="utf-8")
    repeated = sum(len(names) - len(set(names)) for names in album.splits.values())
    lost = (
        [f"{repeated} images that were listed repeatedly appear once: COCO lists each image once"] if repeated else []
    )
    if any(sample.image_id is not None for sample in album.images.values()):
        lost.append("the ids of images, annotations and categories: all are renumbered")
    return lost
