"""ONNX's own node tests of the operators that we have, by our operators."""

from pathlib import Path

import numpy as np
import pytest

onnx = pytest.importorskip("onnx")

from onnx import TensorProto, helper, numpy_helper  # noqa: E402
from onnx.reference import ReferenceEvaluator  # noqa: E402

import fastconv.onnx as ours  # noqa: E402

NAMES = {operator.__name__ for operator in ours.OPERATORS}


def node_tests():
    from onnx.backend.test.loader import load_model_tests

    found = []
    for case in load_model_tests(kind="node"):
        model = case.model or onnx.load(f"{case.model_dir}/model.onnx")
        if any(node.op_type in NAMES for node in model.graph.node):
            found.append((case, model))
    return found


CASES = node_tests()


def data_of(case, model):
    """(inputs, outputs) of every data set of a case."""
    if case.data_sets is not None:
        yield from case.data_sets
        return
    for folder in sorted(Path(case.model_dir).glob("test_data_set_*")):
        sets = []
        for what in ("input", "output"):
            arrays = []
            for path in sorted(folder.glob(f"{what}_*.pb"), key=lambda p: int(p.stem.split("_")[-1])):
                tensor = TensorProto()
                tensor.ParseFromString(path.read_bytes())
                arrays.append(numpy_helper.to_array(tensor))
            sets.append(arrays)
        yield tuple(sets)


def test_there_are_node_tests_of_every_operator():
    seen = {node.op_type for _, model in CASES for node in model.graph.node}
    assert len(CASES) > 60 and NAMES - seen <= {"GlobalLpPool"}


@pytest.mark.parametrize("case, model", CASES, ids=[case.name for case, _ in CASES])
def test_onnxs_own(case, model):
    session = ours.session(model)
    for inputs, outputs in data_of(case, model):
        feeds = dict(zip((i.name for i in model.graph.input), inputs))
        for _ in range(3):  # with weights packed in the call, and before
            for got, wanted in zip(session.run(None, feeds), outputs):
                assert got.dtype == wanted.dtype and got.shape == wanted.shape
                np.testing.assert_allclose(
                    got, wanted, rtol=max(case.rtol, 1e-5), atol=max(case.atol, 1e-6)
                )


def network():
    """A few layers, with weights as constants."""
    rng = np.random.default_rng(0)
    weights, nodes, last, channels = [], [], "x", 3
    for i, filters in enumerate((8, 16)):
        weights.append(
            numpy_helper.from_array(
                rng.standard_normal((filters, channels, 3, 3)).astype(np.float32), f"w{i}"
            )
        )
        nodes += [
            helper.make_node("Conv", [last, f"w{i}"], [f"c{i}"], pads=[1, 1, 1, 1]),
            helper.make_node("Relu", [f"c{i}"], [f"r{i}"]),
            helper.make_node("MaxPool", [f"r{i}"], [f"p{i}"], kernel_shape=[2, 2], strides=[2, 2]),
        ]  # fmt: skip
        last, channels = f"p{i}", filters
    nodes.append(helper.make_node("GlobalAveragePool", [last], ["y"]))
    graph = helper.make_graph(
        nodes, "network", [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3, 32, 32])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)], weights,
    )  # fmt: skip
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])


def test_a_network_of_them():
    model = network()
    session, plain = ours.session(model), ReferenceEvaluator(model)
    for batch in (2, 2, 1, 2):
        x = np.random.default_rng(batch).standard_normal((batch, 3, 32, 32)).astype(np.float32)
        np.testing.assert_allclose(
            session.run(None, {"x": x})[0], plain.run(None, {"x": x})[0], rtol=1e-4, atol=1e-5
        )


def test_weights_that_are_no_constants_may_change():
    model = onnx.parser.parse_model("""
        <ir_version: 8, opset_import: ["" : 17]>
        agraph (float[1,1,6,6] x, float[1,1,3,3] w) => (float[1,1,4,4] y) { y = Conv(x, w) }
    """)
    session = ours.session(model)
    x, w = np.ones((1, 1, 6, 6), np.float32), np.ones((1, 1, 3, 3), np.float32)
    for value in (1, 1, 2, 3, 2):
        w[...] = value  # in the same array
        for _ in range(3):
            assert (session.run(None, {"x": x, "w": w})[0] == 9 * value).all()


def test_more_axes_are_refused():
    model = onnx.parser.parse_model("""
        <ir_version: 8, opset_import: ["" : 17]>
        agraph (float[1,1,2,2,2,2] x) => (float[1,1,1,1,1,1] y) { y = GlobalMaxPool(x) }
    """)
    with pytest.raises(ValueError, match="one to three spatial axes"):
        ours.session(model).run(None, {"x": np.ones((1, 1, 2, 2, 2, 2), np.float32)})
