"""From Problem and ndarray to the C structs that kernels' drivers loop over."""

cimport numpy as cnp

from fastconv._core.padding import MODES

cnp.import_array()


cdef void _copy_axes(tuple values, Py_ssize_t* target, Py_ssize_t missing) except *:
    cdef Py_ssize_t i, lead = 3 - len(values)
    for i in range(3):
        target[i] = missing if i < lead else values[i - lead]


cdef Geometry canonical(problem) except *:
    cdef Geometry g
    cdef int i
    g.batch = problem.batch
    g.in_channels = problem.in_channels
    g.out_channels = problem.out_channels
    g.groups = problem.groups
    _copy_axes(problem.input, g.input, 1)
    _copy_axes(problem.kernel, g.kernel, 1)
    _copy_axes(problem.stride, g.stride, 1)
    _copy_axes(problem.dilation, g.dilation, 1)
    _copy_axes(problem.pad_begin, g.pad, 0)
    _copy_axes(problem.pad_end, g.pad_end, 0)
    _copy_axes(problem.output, g.output, 1)
    for i in range(3):
        # Steps that nobody takes may be of any length: their products with others might be too large.
        if g.output[i] <= 1:
            g.stride[i] = 1
        if g.kernel[i] == 1:
            g.dilation[i] = 1
    g.adaptive = problem.adaptive
    g.padding = FILLED
    if problem.padding_mode in MODES:
        g.padding = [REFLECT, SYMMETRIC, REPLICATE, CIRCULAR][list(MODES).index(problem.padding_mode)]
    g.fill = problem.padding_value
    return g


cdef View view_of(object array, bint channels_last) except *:
    cdef View v
    cdef cnp.ndarray a = array
    cdef int spatial = cnp.PyArray_NDIM(a) - 2
    cdef int i
    cdef cnp.npy_intp* strides = cnp.PyArray_STRIDES(a)
    v.data = <char*> cnp.PyArray_DATA(a)
    v.batch = strides[0]
    v.channel = strides[spatial + 1] if channels_last else strides[1]
    for i in range(3):
        v.axis[i] = 0 if i < 3 - spatial else strides[i - (3 - spatial) + (1 if channels_last else 2)]
    return v
