"""The keys that each section of a Darknet cfg may have.

An unknown key that might change what a network computes is an error: skipping it would silently give wrong boxes. Keys
that only concern Darknet's own trainer or its NMS are known and have no effect here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Keys:
    """The keys of one type of section."""

    used: frozenset[str] = frozenset()
    """Keys that say what the layer computes."""
    kept: frozenset[str] = frozenset()
    """Keys without effect on what it computes."""
    fixed: Mapping[str, float] = field(default_factory=dict)
    """Keys that are supported only at this value, which switches them off."""


ALIASES = {
    "network": "net",
    "conv": "convolutional",
    "conn": "connected",
    "max": "maxpool",
    "avg": "avgpool",
    "soft": "softmax",
    "local_avg": "local_avgpool",
}
"""Long name of each abbreviated layer type."""

_TRAINER = """
    batch subdivisions momentum decay learning_rate learning_rate_min burn_in max_batches policy power step scale steps
    scales seq_scales gamma sgdr_cycle sgdr_mult adam B1 B2 eps ema_alpha adversarial_lr time_steps track augment_speed
    sequential_subdivisions try_fix_nan loss_scale dynamic_minibatch optimized_memory workspace_size_limit_MB
    angle saturation exposure hue aspect max_crop min_crop flip blur gaussian_noise mixup cutmix mosaic mosaic_bound
    label_smooth_eps letter_box resize_step center random weights_reject_freq equidistant_point
    badlabels_rejection_percentage num_sigmas_reject_badlabels show_receptive_field use_cuda_graph max_chart_loss
    max_epochs input_calibration contrastive contrastive_jit_flip contrastive_color attention unsupervised
"""
_YOLO_TRAINER = """
    jitter resize random max ignore_thresh truth_thresh iou_thresh iou_loss iou_thresh_kind iou_normalizer
    cls_normalizer obj_normalizer delta_normalizer uc_normalizer max_delta label_smooth_eps focal_loss
    objectness_smooth counters_per_class nms_kind beta_nms beta1 show_details
    track_history_size track_ciou_norm sim_thresh dets_for_track dets_for_show embedding_layer map
"""
_DETECTION_TRAINER = "rescore jitter random max forced object_scale noobject_scale class_scale coord_scale"
_REGION_TRAINER = f"{_DETECTION_TRAINER} bias_match thresh mask_scale absolute resize focal_loss classfix map log sqrt"
_ANY_LAYER = frozenset(
    """
    clip onlyforward dont_update burnin_update stopbackward learning_rate train_only_bn grad_centr smooth truth dontsave
    numload stream wait_stream
    """.split()
)
_ANY_LAYER_FIXED = {"dontload": 0.0, "dontloadscales": 0.0}
_CONVOLUTIONAL_FIXED = dict.fromkeys(
    """
    antialiasing assisted_excitation binary xnor bin_output cbn flipped sway rotate stretch stretch_sway dot reverse
    coordconv
    """.split(),
    0.0,
)


def _layer(used: str = "", kept: str = "", fixed: Mapping[str, float] | None = None) -> Keys:
    return Keys(frozenset(used.split()), frozenset(kept.split()) | _ANY_LAYER, {**_ANY_LAYER_FIXED, **(fixed or {})})


_POOL = "size stride stride_x stride_y padding"
_IMPLICIT = _layer("filters atoms mean std")

KEYS: Mapping[str, Keys] = {
    "net": Keys(frozenset({"width", "height", "channels"}), frozenset(_TRAINER.split())),
    "convolutional": _layer(
        "filters size stride stride_x stride_y pad padding groups dilation batch_normalize activation",
        fixed=_CONVOLUTIONAL_FIXED,
    ),
    "shortcut": _layer("from activation weights_type weights_normalization weights_normalizion"),
    "route": _layer("layers groups group_id"),
    "scale_channels": _layer("from activation", fixed={"scale_wh": 0.0}),
    "sam": _layer("from activation"),
    "implicit": _IMPLICIT,
    "implicit_add": _IMPLICIT,
    "implicit_mul": _IMPLICIT,
    "shift_channels": _layer("from"),
    "control_channels": _layer("from activation"),
    "upsample": _layer("stride", fixed={"scale": 1.0}),
    "reorg": _layer("stride", fixed={"reverse": 0.0, "flatten": 0.0, "extra": 0.0}),
    "reorg3d": _layer("stride", fixed={"reverse": 0.0}),
    "maxpool": _layer(
        _POOL, fixed={"maxpool_depth": 0.0, "antialiasing": 0.0, "out_channels": 1.0, "maxpool_zero_nonmax": 0.0}
    ),
    "local_avgpool": _layer(_POOL),
    "avgpool": _layer(),
    "batchnorm": _layer(),
    "softmax": _layer("groups temperature", "noloss", {"spatial": 0.0}),
    "dropout": _layer("probability", "dropblock dropblock_size_rel dropblock_size_abs"),
    "yolo": _layer("mask anchors classes num scale_x_y new_coords from", _YOLO_TRAINER),
    "Gaussian_yolo": _layer("mask anchors classes num scale_x_y yolo_point", _YOLO_TRAINER),
    "region": _layer("anchors classes coords num softmax tree", _REGION_TRAINER, {"background": 0.0}),
    "cost": _layer(kept="type scale ratio noobj thresh"),
    "contrastive": _layer(kept="classes temperature yolo_layer cls_normalizer max_delta steps stride detection"),
    "crop": _layer("crop_height crop_width noadjust", "flip angle saturation exposure", {"shift": 0.0}),
    "local": _layer("filters size stride pad activation"),
    "connected": _layer("output activation batch_normalize"),
    "detection": _layer("classes coords num side softmax sqrt", _DETECTION_TRAINER, {"reorg": 0.0}),
}
"""Known keys of each layer type."""

_RECURRENT = "makes a recurrent network, whose output depends on the images before"
_BINARY = "makes a binary network (XNOR-Net)"

REFUSED_LAYERS: Mapping[str, str] = {
    **dict.fromkeys(("rnn", "crnn", "gru", "lstm", "conv_lstm", "history"), _RECURRENT),
    "normalization": "is a local response normalization",
    "lrn": "is a local response normalization",
    "deconvolutional": "is a transposed convolution",
    "iseg": "makes a network for instance segmentation",
    "wgan": "makes a generative network",
}
"""Known layer types that have no counterpart here, and the reason."""

REFUSED_KEYS: Mapping[str, str] = {
    "xnor": _BINARY,
    "binary": _BINARY,
    "bin_output": _BINARY,
    "inputs": "makes a network of vectors, such as a recurrent one; here a network takes images",
    "tree": "makes a YOLOv2 tree (YOLO9000), whose classes form a hierarchy",
    "share_index": "makes layers that share their weights (TridentNet)",
}
"""Known keys that have no counterpart here, and the reason."""
