import onnx
import onnxruntime
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from yolo3.export.suppression import COLUMNS, append_suppression, to_rows
from yolo3.structures import Candidates
from yolo3.suppression import Suppression, suppress


def _found_by_onnx(candidates: Candidates, suppression: Suppression) -> torch.Tensor:
    values = {"boxes": candidates.boxes, "scores": candidates.scores}
    described = [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [None] * 3) for name in values]
    nodes = [onnx.helper.make_node("Identity", ["boxes"], ["ones"])]  # a name that suppression uses too
    graph = onnx.helper.make_graph(nodes, "candidates", described, described)
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 18)], ir_version=10)
    append_suppression(model, suppression)
    onnx.checker.check_model(model, full_check=True)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    (rows,) = session.run(["detections"], {name: value.numpy() for name, value in values.items()})
    return torch.from_numpy(rows)


def test_by_hand():
    boxes = torch.tensor([[[0, 0, 10, 10], [1, 0, 11, 10], [50, 50, 60, 60.0]], [[0, 0, 5, 5]] * 3])
    scores = torch.tensor([[[0.6, 0.0], [0.9, 0.3], [0.2, 0.7]], [[0.0, 0.25], [0.0, 0.1], [0.0, 0.0]]])
    rows = _found_by_onnx(Candidates(boxes, scores), Suppression())
    assert COLUMNS == ("image", "left", "top", "right", "bottom", "score", "label")
    expected = [[0, 1, 0, 11, 10, 0.9, 0], [0, 50, 50, 60, 60, 0.7, 1], [0, 1, 0, 11, 10, 0.3, 1]]
    torch.testing.assert_close(rows, torch.tensor(expected))


@settings(max_examples=60)
@given(
    st.integers(0, 2**31),
    st.integers(1, 3),
    st.integers(0, 60),
    st.integers(1, 4),
    st.sampled_from([3, 50, 10**6]),
    st.sampled_from([0.0, 0.25, 1e-5, 1.0]),
    st.sampled_from([0.0, 0.3, 0.45, 1.0]),
    st.sampled_from([1, 5, 300]),
)
def test_the_graph_keeps_what_suppress_keeps(
    seed, batch_size, num, num_classes, levels, min_score, iou_threshold, max_detections
):
    dice = torch.Generator().manual_seed(seed)
    corner, size = torch.rand(2, batch_size, num, 2, generator=dice).mul(40).round()  # some without area, some equal
    scores = torch.rand(batch_size, num, num_classes, generator=dice).mul(levels).round() / levels  # some equal
    candidates = Candidates(torch.cat([corner, corner + size], dim=-1), scores)
    suppression = Suppression(min_score, iou_threshold, max_detections)
    expected = to_rows(suppression(candidates))
    found = _found_by_onnx(candidates, suppression)
    torch.testing.assert_close(found, expected, rtol=0, atol=0)


@pytest.mark.parametrize("num_detections", [1, 3])
def test_detections_becometo_rows(num_detections):
    candidates = Candidates(torch.rand(2, 8, 4), torch.rand(2, 8, 3))
    found = suppress(candidates, max_detections=num_detections)
    rows = to_rows(found)
    assert rows[:, 0].tolist() == [0.0] * num_detections + [1.0] * num_detections
    assert torch.equal(rows[:, 1:5], torch.cat([one.boxes for one in found]))
    assert torch.equal(rows[:, 5], torch.cat([one.scores for one in found]))
    assert torch.equal(rows[:, 6].long(), torch.cat([one.labels for one in found]))
