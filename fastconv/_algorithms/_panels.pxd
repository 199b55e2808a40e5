from fastconv._algorithms._packing cimport Pixels
from fastconv._core.geometry cimport Geometry, View
from fastconv._kernels.table cimport fc_kernels


# Images in panels, [group][panel][image][pixel][wide].
cdef struct Panels:
    Py_ssize_t channels, wide, count   # of a group: channels, those of a panel, panels
    Pixels pixels                      # of a panel of one image
    Py_ssize_t image, bytes            # bytes of that, and of all panels of a group


# A batch in steps that caches hold: several images, or a band of the outputs of one.
cdef struct Steps:
    Py_ssize_t outputs[3]        # of a band
    int axis                     # across which bands lie: the first one of several outputs
    Py_ssize_t bands, images     # of an image; of a step, 1 if there are several bands
    Py_ssize_t count


# One of the steps.
cdef struct Step:
    Py_ssize_t first, images     # images [first, first + images)
    Py_ssize_t origin[3]         # of the band
    Py_ssize_t outputs           # that it has along `axis`: the last band may be smaller


cdef Panels panels_of(const Geometry* g, const Py_ssize_t* outputs, Py_ssize_t channels,
                      Py_ssize_t wide, Py_ssize_t size) noexcept nogil
cdef int copy_panels(const Geometry* g, const Panels* p, const View* images, const Step* step,
                      char* to, Py_ssize_t room, Py_ssize_t size, const fc_kernels* k,
                      int threads) except -1 nogil
cdef Steps steps_of(const Geometry* g, Py_ssize_t image_bytes, Py_ssize_t sum_bytes) noexcept nogil
cdef Step step_at(const Geometry* g, const Steps* steps, Py_ssize_t i) noexcept nogil
