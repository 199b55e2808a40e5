"""Memory: peaks of whole calls, scratch that plans take, and what an installation weighs."""

import io
import zipfile
from pathlib import Path

import fastconv

from .suite import arguments, checked_call, checked_plan, table

LAYERS = table(
    "resnet50/conv1",
    "resnet50/res2a_branch2b",
    "vgg19/conv5_1",
    "fir/fir4096/1000000",
    "images/general31/1024",
    "mobilenet_dw/conv2_1/dw",  # read in place: no scratch
)


class Peak:
    """Peak of a process that makes one call; the operands come from another process."""

    params = [list(LAYERS)]
    param_names = ["layer"]

    def setup_cache(self):
        for case in LAYERS.values():
            checked_call(case)
        return {
            name: arguments(case, "channels_first", case.operands()) for name, case in LAYERS.items()
        }

    def peakmem_call(self, operands, layer):
        function, x, args, keywords = operands[layer]
        function(x, *args, **keywords)


class Workspace:
    """Scratch memory of a plan."""

    params = [list(LAYERS)]
    param_names = ["layer"]

    def setup(self, layer):
        _, self.plan = checked_plan(LAYERS[layer])

    def track_workspace(self, layer):
        return self.plan.workspace

    track_workspace.unit = "bytes"


class Installed:
    """The package as it was installed."""

    def setup(self):
        folder = Path(fastconv.__file__).parent
        self.files = [
            path for path in folder.rglob("*") if path.is_file() and path.suffix != ".pyc"
        ]

    def track_extension_modules(self):
        return sum(path.stat().st_size for path in self.files if path.suffix == ".so")

    track_extension_modules.unit = "bytes"

    def track_wheel(self):
        wheel = io.BytesIO()
        with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as archive:
            for path in self.files:
                archive.write(path)
        return len(wheel.getvalue())

    track_wheel.unit = "bytes"
