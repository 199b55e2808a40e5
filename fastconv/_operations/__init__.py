"""L4, the operations: one file per family, from arguments to a call to the rooms that run it.

====================  ==========================================================
convolution           conv1d, conv2d, conv3d
transposed            conv_transpose1d, 2d, 3d
gradients             gradients of convolution: grad.conv1d, 2d, 3d and their parts
transposed_gradients  grad.conv_transpose1d, 2d, 3d
local                 locally_connected1d, 2d, 3d
local_gradients       grad.locally_connected1d, 2d, 3d
pooling               maxima, averages and norms of windows: max_pool, adaptive_avg_pool, ...
pool_gradients        grad.max_pool1d, grad.avg_pool2d, ...; those of maxima need no plan
unpooling             max_unpool, which chooses nothing and is no family
registry              the list of families
_asked                what the planner is asked
_calls                the one cache of parsed calls
_arguments            checks that several families share
_lowering             dtypes without kernels, computed in others
_mixed                convolution of pictures as they are: input, kernel and result of different dtypes
_passes               kernels that are outer products, run as passes along the axes
_stride_phases        gradients to the input as convolutions of stride 1
_partitions           long causal kernels in parts, for streams
_overlap_add          gradients to the input as a product whose windows are added up
====================  ==========================================================

A public function is its signature, its docstring and one line that hands its arguments to its
family, which looks for a *call* in the cache. A call is made once for arguments that differ only in
their data. All families show this face, so that plans, explanations and tuning know none by name:

``names``                 the public functions that it serves, with those of their arguments that a
                          plan is called with
``parse(name, arguments, settings, prepacked)``   a new call; ValueError or TypeError if an argument
                          is wrong, before anything is computed

and the call:

``problem``, ``settings``, ``dtype``, ``output_shape``   of what is computed
``asked(arguments)``      what the planner is asked, as a list of Asked, the most work first; empty
                          where nothing is multiplied (or, with ``unasked``, for another reason)
``data``                  what a plan is called with, where options decide that
``scratch``               bytes that a call takes beside the workspaces of rooms, if it takes any
``prepare(arguments)``    what a plan keeps: copies of what it captures, packed weights
``bind(prepared)``        a function of the data and ``out`` (or None), which gives the result
"""
