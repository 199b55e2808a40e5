from fastconv._algorithms._boxes cimport Box
from fastconv._core.geometry cimport Geometry, View
from fastconv._kernels.table cimport fc_windows


cdef void see_windows(fc_windows* w, const Geometry* g, const View* x, const View* y,
                      const Box* box) noexcept nogil
