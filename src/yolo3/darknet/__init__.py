"""Darknet's files: networks from any YOLO ``.cfg``, and ``.weights`` in both directions."""

from yolo3.darknet.cfg import DarknetError, shipped_cfgs
from yolo3.darknet.cfg_editing import adapted_cfg
from yolo3.darknet.class_names import class_names
from yolo3.darknet.classifier import DarknetBackbone, DarknetClassifier
from yolo3.darknet.network import Darknet
from yolo3.darknet.network_table import layer_table
from yolo3.darknet.refitted import refitted_cfg
from yolo3.darknet.weights import LoadedWeights, load_darknet_weights, save_darknet_weights
from yolo3.darknet.weights_header import WeightsHeader

__all__ = [
    "Darknet",
    "DarknetBackbone",
    "DarknetClassifier",
    "DarknetError",
    "LoadedWeights",
    "WeightsHeader",
    "adapted_cfg",
    "class_names",
    "layer_table",
    "load_darknet_weights",
    "refitted_cfg",
    "save_darknet_weights",
    "shipped_cfgs",
]
