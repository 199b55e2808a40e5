"""Windows that kernels read where the input lies."""

from fastconv._algorithms._boxes cimport Box
from fastconv._core.geometry cimport Geometry, View
from fastconv._kernels.table cimport fc_windows


cdef void see_windows(fc_windows* w, const Geometry* g, const View* x, const View* y,
                      const Box* box) noexcept nogil:
    """Describe a box of an image's first channel; the weights are left to the caller."""
    cdef int i
    w.input = x.data + box.image * x.batch
    w.out = y.data + box.image * y.batch
    w.count = 1
    w.lead = 0
    for i in range(3):
        w.extent[i] = g.input[i]
        w.axis[i] = x.axis[i]
        w.kernel[i] = g.kernel[i]
        w.stride[i] = g.stride[i]
        w.dilation[i] = g.dilation[i]
        w.origin[i] = box.origin[i] * g.stride[i] - g.pad[i]
        w.outputs[i] = box.output[i]
        w.out_axis[i] = y.axis[i]
        w.out += box.origin[i] * y.axis[i]
