from onnx import parser

from yolo3.export.quantising import inner_convolutions

_GRAPH = """
<ir_version: 8, opset_import: ["" : 18]>
net (float[1, 3, 8, 8] images, float[3, 3, 1, 1] w) => (float[1, 3, 8, 8] coarse, float[1, 3, 8, 8] fine)
{
    [first] a = Conv (images, w)
    [relu] b = LeakyRelu (a)
    [trunk] c = Conv (b, w)
    [coarse_neck] d = Conv (c, w)
    [coarse_head] coarse = Conv (d, w)
    [size] size = Shape (coarse)
    [fine_neck] e = Conv (c, w)
    [view] f = Reshape (e, size)
    [fine_conv] g = Conv (f, w)
    [fine_head] h = Conv (g, w)
    [decoding] fine = Sigmoid (h)
}
"""


def test_inner_convolutions_have_others_before_and_after_them():
    """The size of a head's output, which a later reshape asks for, makes the head no inner one."""
    names = inner_convolutions(parser.parse_model(_GRAPH))
    assert names == ["trunk", "coarse_neck", "fine_neck", "fine_conv"]


def test_parallel_branches_at_the_end_are_all_heads():
    graph = _GRAPH.replace("[decoding] fine = Sigmoid (h)", "[fusing] fine = Add (h, coarse)")
    assert inner_convolutions(parser.parse_model(graph)) == ["trunk", "coarse_neck", "fine_neck", "fine_conv"]


def test_a_chain_of_two_has_none():
    graph = """
    <ir_version: 8, opset_import: ["" : 18]>
    net (float[1, 3, 8, 8] images, float[3, 3, 1, 1] w) => (float[1, 3, 8, 8] out)
    {
        [first] a = Conv (images, w)
        [last] out = Conv (a, w)
    }
    """
    assert inner_convolutions(parser.parse_model(graph)) == []
