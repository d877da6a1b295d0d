"""A detector on disk.

files.py         saving and loading
card.py          the card: names, image size, letterbox, metrics
selection.py     how the epoch of its weights was chosen
architecture.py  numbers to build the network from
comparison.py    whether a network is the one that these numbers build
hub_folder.py    a checkpoint of the Hugging Face Hub as a folder of this machine
hub_card.py      its page there
pushing.py       its way there
"""

from yolo3.checkpoint.card import FORMAT, ModelCard
from yolo3.checkpoint.files import load_checkpoint, read_card, save_checkpoint
from yolo3.checkpoint.pushing import push_to_hub
from yolo3.checkpoint.selection import Selection

__all__ = ["FORMAT", "ModelCard", "Selection", "load_checkpoint", "push_to_hub", "read_card", "save_checkpoint"]
