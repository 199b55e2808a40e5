"""ONNX Runtime: a session of one node, weights prepacked, the output bound once."""

from .face import Prepared, Rival, planes
from .onnx_model import model_of


class OnnxRuntime(Rival):
    name = "onnxruntime"
    planned = True
    modules = ("onnxruntime", "onnx")

    def start(self, threads):
        import onnxruntime

        self.threads = threads
        return f"onnxruntime {onnxruntime.__version__}"

    def prepare(self, case, layout, x, weight, bias):
        import numpy as np
        import onnxruntime as ort

        session = self.session(case, weight, bias)
        x = ort.OrtValue.ortvalue_from_numpy(planes(case, x, layout))
        y = ort.OrtValue.ortvalue_from_numpy(
            np.empty(case.output_shape("channels_first"), np.float32)
        )
        binding = session.io_binding()
        binding.bind_ortvalue_input("x", x)
        binding.bind_ortvalue_output("y", y)
        return Prepared(
            lambda: session.run_with_iobinding(binding), lambda _: y.numpy(), keep=(x, y)
        )

    def session(self, case, weight, bias):
        import onnxruntime as ort

        options = ort.SessionOptions()
        options.intra_op_num_threads = self.threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        return ort.InferenceSession(
            model_of(case, weight, bias), options, providers=["CPUExecutionProvider"]
        )
