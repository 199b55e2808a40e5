"""OpenVINO on the CPU plugin, held to float32 arithmetic: it would choose bfloat16 where it can."""

from .face import Prepared, Rival, planes
from .onnx_model import model_of


class OpenVINO(Rival):
    name = "openvino"
    planned = True
    modules = ("openvino", "onnx")

    def start(self, threads):
        import openvino

        self.core = openvino.Core()
        self.settings = {
            "INFERENCE_PRECISION_HINT": "f32",
            "EXECUTION_MODE_HINT": "ACCURACY",
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_NUM_THREADS": threads,
            "NUM_STREAMS": 1,
        }
        return f"openvino {openvino.__version__}, inference precision f32"

    def prepare(self, case, layout, x, weight, bias):
        import openvino

        model = self.core.read_model(model=model_of(case, weight, bias))
        request = self.core.compile_model(model, "CPU", self.settings).create_infer_request()
        x = planes(case, x, layout)
        request.set_input_tensor(openvino.Tensor(x, shared_memory=True))
        return Prepared(request.infer, lambda _: request.get_output_tensor().data, keep=(x,))
