"""Darknet: any YOLO ``.cfg`` and its ``.weights``, in both directions."""

from yolo3.darknet.adapted import adapted_cfg
from yolo3.darknet.cfg import DarknetError, shipped_cfgs
from yolo3.darknet.header import WeightsHeader
from yolo3.darknet.network import Darknet
from yolo3.darknet.refitted import refitted_cfg
from yolo3.darknet.table import layer_table
from yolo3.darknet.weights import LoadedWeights, load_darknet_weights, save_darknet_weights

__all__ = [
    "Darknet",
    "DarknetError",
    "LoadedWeights",
    "WeightsHeader",
    "adapted_cfg",
    "layer_table",
    "load_darknet_weights",
    "refitted_cfg",
    "save_darknet_weights",
    "shipped_cfgs",
]
