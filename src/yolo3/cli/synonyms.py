"""Names that other programs have for what a command line says here; only messages use them."""

from collections.abc import Container

COMMANDS = {
    "predict": "detect",
    "infer": "detect",
    "inference": "detect",
    "val": "evaluate",
    "valid": "evaluate",
    "validate": "evaluate",
    "eval": "evaluate",
    "test": "evaluate",
    "fit": "train",
    "summary": "info",
    "view": "show",
    "visualize": "show",
    "visualise": "show",
    "plot": "show",
    "doctor": "check",
    "lint": "check",
    "kmeans": "anchors",
    "inspect": "explain",
    "cam": "explain",
    "gradcam": "explain",
    "grad-cam": "explain",
    "heatmap": "explain",
    "web": "serve",
    "upload": "push",
    "publish": "push",
    "download": "weights",
    "fetch": "weights",
    "models": "weights",
}
"""Another name of a command, and ours."""

_OPTIONS = {
    "min_score": "score threshold thresh score_threshold score_thresh conf confidence conf_thres conf_threshold "
    "conf_thresh confidence_threshold min_conf min_confidence",
    "iou_threshold": "iou iou_thres iou_thresh nms nms_iou nms_thres nms_thresh nms_threshold",
    "nms_iou": "iou iou_threshold iou_thres iou_thresh nms nms_thres nms_thresh nms_threshold",
    "image_size": "imgsz img img_size imagesize input_size size resolution",
    "batch_size": "b bs batch batchsize",
    "epochs": "e epoch num_epochs max_epochs",
    "learning_rate": "lr lr0 base_lr",
    "num_workers": "j jobs workers threads",
    "output": "o out out_dir outdir output_dir save_dir project destination chart plot",
    "overwrite": "f force exist_ok yes y",
    "device": "gpu cuda",
    "devices": "gpus num_gpus world_size nproc",
    "num_nodes": "nodes nnodes",
    "precision": "half amp fp16 bf16 dtype",
    "weights": "w weight pretrained checkpoint ckpt init load",
    "model": "m cfg arch architecture network checkpoint ckpt",
    "source": "input inputs image images img picture pictures video videos folder",
    "data": "dataset data_dir data_path root",
    "names": "labels class_names classes_file",
    "classes": "class filter_classes keep",
    "max_detections": "max_det max_dets topk top_k limit",
    "class_agnostic": "agnostic agnostic_nms",
    "every": "vid_stride frame_step frame_stride step skip",
    "formats": "save save_txt save_json save_csv save_crop format",
    "augmentation": "aug augment",
    "augment": "tta",
    "freeze_backbone": "freeze",
    "multi_scale": "multiscale",
    "sync_batchnorm": "sync_bn syncbn",
    "patience": "early_stop early_stopping",
    "seed": "random_seed random_state",
    "nominal_batch": "accumulate accumulation grad_accum gradient_accumulation",
    "recipe": "optimizer optimiser optim schedule scheduler",
    "resume": "continue restart",
    "split": "subset",
    "val_split": "val validation split",
    "train_split": "train",
    "per_scale": "k num_anchors anchors_per_scale",
    "host": "bind address",
    "opset": "opset_version onnx_opset",
    "dynamic_size": "dynamic dynamic_axes dynamic_shapes",
    "images": "pictures calibration",
    "tile": "tiles slice slice_size window",
    "tile_overlap": "overlap slice_overlap",
    "most": "limit max",
    "count": "n num number",
    "license": "licence",
    "truth": "labels annotations gt ground_truth",
    "why": "target target_class focus",
}


def meant_option(name: str, known: Container[str]) -> str | None:
    """The option that other programs call by a name, if the command has it.

    Args:
        name: The name, with underscores.
        known: The command's own options.
    """
    return next((own for own, others in _OPTIONS.items() if own in known and name.lower() in others.split()), None)
