"""L4, the operations: one file per family, from arguments to a call to the rooms that run it.

==============  ================================================================
convolution     conv1d, conv2d, conv3d
transposed      conv_transpose1d, 2d, 3d
gradients       gradients of convolution: grad.conv1d, 2d, 3d and their parts
pooling         max_pool, avg_pool, global_max_pool, global_avg_pool
_calls          the one cache of parsed calls
_arguments      checks that several families share
_lowering       dtypes without kernels, computed in others
_stride_phases  gradients to the input as convolutions of stride 1
==============  ================================================================

In every file, in this order: a function that takes the arguments of the public ones, looks them up
in the cache of calls, and runs; the *call*, made once for arguments that differ only in their data:
it holds the Problem and the room that was chosen for it, and its ``run`` needs no further check but
that of ``out``; the parser, which checks all arguments and raises before anything is computed.
"""
