"""L2, the rooms: one algorithm each, all with one face; `registry` is the only list of them.

=================  =================================================================
direct_channels    convolution, lanes = output channels
direct_pixels      convolution, lanes = output pixels
direct_dots        convolution, lanes = terms of a sum; filters are read as they are
direct_depthwise   one filter per channel, lanes = channels
direct_planes      filters of one channel each, lanes = output pixels
direct_windows     the same with 3x3 or 5x5 taps, read in place
direct_signals     kernels along rows: lanes = segments of a row, or rows
direct_weight      gradients to the weight
winograd           3x3 kernels with fewer products, by transforms of tiles of 2x2 outputs
winograd_4x4       the same by tiles of 4x4, for lower precisions
fused_winograd     the same for few input channels, from products to outputs in registers
split_bfloat16     float32 convolution on a tile unit, by products of bfloat16 parts
separable          kernels that are outer products: down the columns, then along the rows
im2col             convolution as a matrix product, by BLAS
fft_blocks         convolution by Fourier transforms of blocks, as many side by side as there are lanes
fft_library        the same by the transforms of a library, for kernels too large for that
direct_pool_windows  maxima and averages of windows, in floats, by vectors
direct_pool_slides the same for large windows, rows first, then columns
direct_pool_gradients  gradients of maxima and averages of windows, in floats
pooling            the same for every dtype, by lines of outputs
reference*         everything in plain NumPy, for every dtype
registry           the list of rooms
_direct            what the direct rooms share: the compiled problem, packed weights
_boxes             boxes of outputs and shares of filters, for threads and caches
_slots             where packed inputs lie, and which threads pack them
_packing           copies of a box's inputs in the orders that tiles read, and back
_windows           windows that kernels read in place
_winograd          what these two share: points, and products at them
_winograd_tiles    where the tiles lie, and how they are shared out
_tasks             how rooms that pack whole images share out their tiles
_weight_sums       sums of weight gradients: added up, and brought into weights
_seen              taps that see the input, not only what is around it
_quiet             what transforms would drown in rounding
_splitting         inputs split into bfloat16 parts
=================  =================================================================

Rooms know the kernels and the core, never each other. The face, in this order in every file:

``name``                  as in ``algorithm=``; the part before ``_`` names its family
``kinds``                 the kinds of problem it may take
``local``                 whether a NaN or Inf reaches only the outputs whose window holds it
``supports(problem)``     None, or the reason why it cannot
``estimate(problem, machine, prepacked)``   predicted seconds
``workspace(problem, threads)``             bytes of scratch; for contiguous arrays, running never takes more
``compile(problem)``                         its state: whatever prepare and run need, made once
``prepare(state, weight, threads)``          reusable packed weights (None where there are none)
``run(state, packed, inputs, outputs, threads)``   for rooms that are not local: whether the result
                          stands, or None if that shows in its being finite

A room that does less for a lower precision says ``adaptive = True`` as well; one whose threads stay
awake after a call, so that others cannot be timed beside it, ``spins = True``; one that reads filters
as they lie, and would have to copy those whose channels lie closer, ``in_order = True``.

Operands by kind: ``conv`` takes inputs (x, bias or None) and outputs (y,), ``separable`` the same with
the factors of every filter for a weight, one array (filters, taps) for each of the last two axes; ``grad_weight`` takes
(x, gradient of y) and (gradient of the weight,); ``max_pool`` and ``avg_pool`` take (x,) and (y,);
``argmax_pool`` takes (x,) and (y, codes);
``grad_max_pool`` takes (gradient of y, codes), ``grad_avg_pool`` (gradient of y,), both (gradient of x,).
Averages are passed back divided by the problem's `divisor`, not by what windows count. Arrays are batched, in the layout of the problem, of any strides.
There is no room for ``grad_input``: it is split into problems of kind ``conv``.
"""
