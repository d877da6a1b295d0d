"""No image of one split, camera or copy is ever answered for another's, however a data set is laid out.

Random layouts hold images of the same names; an image's width says whose it is.
"""

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path

from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image

from yolo3.data.faults import DataError
from yolo3.data.formats import open_dataset
from yolo3.data.sample import SampleSet

_NAMES = ("0.png", "1.png")
_FOLDERS = (
    "train",
    "val",
    "Valid_2",
    "cam1",
    "cam2",
    "images",
    "images/cam1",
    "images/train",
    "train/images",
    "val/images",
    "copy",
    "data/cam1",
    "data",
    "test/cam2",
)
_PREFIXES = ("", "./", "../", "/old/", "old/set/", "../set/", "/content/train_yolo/", "C:\\old\\", "/home/x/data/")


def _draw(path: Path, identity: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("1", (identity + 1, 1)).save(path)


def _identities(samples: SampleSet) -> list[int]:
    return [width - 1 for _, width in samples.sizes.tolist()]


@st.composite
def _yolo_layouts(draw: st.DrawFn) -> tuple[dict[str, list[tuple[str, str]]], set[tuple[str, str]], dict[str, str]]:
    """What each split has, (folder, name); which of it is here; and how each folder's paths begin in the lists."""
    folders = draw(st.lists(st.sampled_from(_FOLDERS), min_size=1, max_size=4, unique=True))
    images = [(folder, name) for folder in folders for name in draw(st.sets(st.sampled_from(_NAMES), min_size=1))]
    splits: dict[str, list[tuple[str, str]]] = {"train": [], "val": []}
    for image in images:
        splits[draw(st.sampled_from(["train", "val"]))].append(image)
    here = {image for image in images if draw(st.booleans())}
    prefixes = draw(st.sampled_from(["one", "each"]))
    common = draw(st.sampled_from(_PREFIXES))
    begins = {folder: common if prefixes == "one" else draw(st.sampled_from(_PREFIXES)) for folder in folders}
    return splits, here, begins


@given(_yolo_layouts(), st.sampled_from(["", "lists/", "cam1/", "train/"]), st.booleans(), st.integers(0, 14))
@example(({"train": [("a", "0.png")], "val": [("b", "0.png")]}, {("a", "0.png")}, {"a": "", "b": ""}), "", True, 0)
def test_a_list_of_one_split_never_gives_anothers_image(
    layout: tuple[dict[str, list[tuple[str, str]]], set[tuple[str, str]], dict[str, str]],
    lists: str,
    is_flat: bool,
    flattened: int,
) -> None:
    """Some images are here, perhaps those of one folder moved up; each is listed, and its path may begin anyhow."""
    splits, here, begins = layout
    identities = {image: number for number, image in enumerate(image for split in splits.values() for image in split)}
    moved = list(begins)[flattened % len(begins)] if is_flat else None
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "set"
        for source, name in here:
            _draw(data / ("" if source == moved else source) / name, identities[source, name])
        for split, images in splits.items():
            path = data / lists / f"{split}.txt"
            path.parent.mkdir(parents=True, exist_ok=True)
            lines = [begins[source] + f"{source}/{name}" for source, name in images]
            path.write_text("\n".join(line.replace("/", "\\") if line.startswith("C:") else line for line in lines))
        (data / "data.yaml").write_text(f"train: {lists}train.txt\nval: {lists}val.txt\nnames: [a]\n")
        for split, images in splits.items():
            try:
                samples = open_dataset(data, split, on_fault=lambda fault: None)
            except DataError:
                continue
            assert set(_identities(samples)) <= {identities[image] for image in images}


@given(
    st.sampled_from(["images/{}", "{}/images", "{}", "../{}/images", "/old/set/{}", "data/{}"]),
    st.sampled_from([("train", "val"), ("train", "valid"), ("Train", "Validation"), ("cam1", "cam2"), ("a", "copy")]),
    st.lists(st.booleans(), min_size=2, max_size=2),
    st.sampled_from(["", "images", "data"]),
)
def test_a_folder_of_one_split_never_gives_anothers_images(
    pattern: str, names: tuple[str, str], here: Sequence[bool], up: str
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "set"
        data.mkdir()
        for number, name in enumerate(names):
            if here[number]:
                place = pattern.format(name).removeprefix("../").removeprefix("/old/set/").removeprefix("data/")
                _draw(data / place / "0.png", number)
        if up and not all(here):
            _draw(data / up / "0.png", 7)
        (data / "data.yaml").write_text(
            f"train: {pattern.format(names[0])}\nval: {pattern.format(names[1])}\nnames: [a]\n"
        )
        for number, split in enumerate(("train", "val")):
            try:
                samples = open_dataset(data, split, on_fault=lambda fault: None)
            except DataError:
                continue
            found = set(_identities(samples))
            assert 1 - number not in found
            assert not here[number] or 7 not in found


_COCO_SPLITS = (
    ("train", "val"),
    ("Train", "Val"),
    ("my_train", "my_val"),
    ("train2014", "train2017"),
    ("cam1", "cam2"),
)
_OWN = ("{}", "images/{}", "{}_images", "{}/images", "rgb/{}", "IMAGES_{}", "images/{}_2017")
_JSON = (
    "annotations/instances_{}.json",
    "annotations/{}.json",
    "{}.json",
    "{}_annotations.json",
    "{}/_annotations.coco.json",
)


@given(
    st.sampled_from(_COCO_SPLITS),
    st.sampled_from(_JSON),
    st.tuples(st.sampled_from(_OWN), st.sampled_from(_OWN)),
    st.tuples(st.booleans(), st.booleans()),
    st.sampled_from([_NAMES, _NAMES[:1]]),
    st.sets(st.sampled_from(["images", "photos", "", "masks"]), max_size=1),
    st.sampled_from(["", "images/1/", "/old/", "C:\\x\\"]),
)
def test_a_file_of_one_split_never_gives_anothers_images(
    splits: tuple[str, str],
    json_name: str,
    own: tuple[str, str],
    here: tuple[bool, bool],
    val_names: tuple[str, ...],
    junk: set[str],
    prefix: str,
) -> None:
    """Both splits number their images alike; those of one may be missing, and images of nobody (7) have those names."""
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "set"
        for number, (split, names) in enumerate(zip(splits, (_NAMES, val_names), strict=True)):
            path = data / json_name.format(split)
            path.parent.mkdir(parents=True, exist_ok=True)
            images = [{"id": index, "file_name": prefix + name, "height": 1} for index, name in enumerate(names)]
            content = {"images": images, "annotations": [], "categories": [{"id": 1, "name": "a"}]}
            path.write_text(json.dumps(content))
            for name in names if here[number] else ():
                _draw(data / own[number].format(split) / name, number)
        for place in junk:
            for name in _NAMES:
                if not (data / place / name).exists():
                    _draw(data / place / name, 7)
        for number, split in enumerate(splits):
            split_name = json_name.format(split).split("/")[-1].removesuffix(".json").removeprefix("instances_")
            try:
                samples = open_dataset(
                    data, split if split_name == "_annotations.coco" else split_name, "coco", on_fault=lambda _: None
                )
            except DataError:
                continue
            found = set(_identities(samples))
            assert 1 - number not in found
            assert not here[number] or 7 not in found
