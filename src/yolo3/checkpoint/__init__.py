"""A detector on disk.

files.py         saving and loading
card.py          the card: names, image size, letterbox, metrics
architecture.py  numbers to build the network from
comparison.py    whether a network is the one that these numbers build
"""

from yolo3.checkpoint.card import FORMAT, ModelCard
from yolo3.checkpoint.files import load_checkpoint, read_card, save_checkpoint

__all__ = ["FORMAT", "ModelCard", "load_checkpoint", "read_card", "save_checkpoint"]
