"""The rivals, one file each, all with the face of `face.Rival`; `ALL` is the only list.

`onnx_model` makes the model that two of them run.
"""

from . import onnx_runtime, open_vino, opencv, ours, plain_numpy, pytorch, scipy_ndimage, scipy_signal

ALL = (
    ours.Functional(),
    ours.Planned(),
    pytorch.ChannelsFirst(),
    pytorch.ChannelsLast(),
    pytorch.Packed(),
    onnx_runtime.OnnxRuntime(),
    open_vino.OpenVINO(),
    opencv.OpenCV(),
    scipy_signal.ScipySignal(),
    scipy_ndimage.ScipyNdimage(),
    plain_numpy.PlainNumPy(),
)
OURS = ("fastconv", "fastconv.plan")


def by_name(name):
    """The rival of that name."""
    return next(rival for rival in ALL if rival.name == name)
