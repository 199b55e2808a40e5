"""A problem as an ONNX model of one node, for the runtimes that read such."""

from .face import Refusal


def model_of(case, weight, bias):
    """The serialised model: input "x", output "y", channels first, weights as constants."""
    try:
        import onnx
    except ImportError:
        raise Refusal("the onnx package, which writes its model, is missing") from None
    from onnx import TensorProto, helper, numpy_helper

    begin, end = zip(*case.padding)
    if min(begin + end) < 0:
        raise Refusal("ONNX has no negative padding")
    attributes = {
        "kernel_shape": case.kernel,
        "strides": case.stride,
        "pads": begin + end,
    }
    inputs, constants = ["x"], []
    if case.op == "conv":
        node = "Conv"
        attributes |= {"dilations": case.dilation, "group": case.groups}
        for name, array in (("w", weight), ("b", bias)):
            if array is not None:
                inputs.append(name)
                constants.append(numpy_helper.from_array(array, name))
    elif case.op == "max_pool":
        node = "MaxPool"
        attributes["dilations"] = case.dilation
    else:
        node = "AveragePool"
        attributes["count_include_pad"] = 1
    graph = helper.make_graph(
        [helper.make_node(node, inputs, ["y"], **attributes)],
        "problem",
        [_described("x", case.input_shape("channels_first"), helper, TensorProto)],
        [_described("y", case.output_shape("channels_first"), helper, TensorProto)],
        constants,
    )
    # Versions that every runtime of the last years reads.
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    return model.SerializeToString()


def _described(name, shape, helper, types):
    return helper.make_tensor_value_info(name, types.FLOAT, shape)
