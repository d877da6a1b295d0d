import yolo3
import yolo3.assign
import yolo3.boxes
import yolo3.losses

CONTRACT = {
    yolo3: "YOLOv3 YOLOv1 Darknet Darknet53 CNNBlock ResUnit ResBlock ConvSet NeckAndConcatNet ScalePrediction Anchors "
    "COCO_ANCHORS GroundTruth Targets Detections TargetEncoder YoloDataset YoloLoss YoloV1Loss Predictor suppress "
    "load_darknet_weights save_darknet_weights Candidates ScaleOutput open_dataset load_checkpoint save_checkpoint",
    yolo3.assign: "BestAnchorPerScale AnchorsAboveIoU BestAnchorOverall TargetEncoder",
    yolo3.losses: "YoloLoss MultiAnchorLoss FocalGIoULoss DarknetLoss YoloV1Loss",
    yolo3.boxes: "Anchors COCO_ANCHORS Letterbox box_iou wh_iou cxcywh_to_xyxy xyxy_to_cxcywh clip_boxes nms",
}


def test_promised_names_are_there_and_documented() -> None:
    for module, names in CONTRACT.items():
        for name in names.split():
            assert name in module.__all__, f"{module.__name__}.{name}"
            assert getattr(module, name).__doc__ or name.isupper(), f"{module.__name__}.{name} has no docstring"


def test_the_top_level_offers_nothing_unpromised() -> None:
    assert set(yolo3.__all__) == set(CONTRACT[yolo3].split())
