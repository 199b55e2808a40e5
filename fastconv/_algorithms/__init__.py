"""L2, the rooms: one algorithm each, all with one face; `registry` is the only list of them.

Rooms know the kernels and the core, never each other. The face, in this order in every file:

``name``                  as in ``algorithm=``; the part before ``_`` names its family
``kinds``                 the kinds of problem it may take
``local``                 whether a NaN or Inf reaches only the outputs whose window holds it
``supports(problem)``     None, or the reason why it cannot
``estimate(problem, machine, prepacked)``   predicted seconds
``workspace(problem, threads)``             bytes of scratch; running never takes more
``compile(problem)``                         its state: whatever prepare and run need, made once
``prepare(state, weight, threads)``          reusable packed weights (None where there are none)
``run(state, packed, inputs, outputs, threads)``   for rooms that are not local: whether the result
                          stands, or None if that shows in its being finite

A room that does less for a lower precision says ``adaptive = True`` as well.

Operands by kind: ``conv`` takes inputs (x, bias or None) and outputs (y,); ``grad_weight`` takes
(x, gradient of y) and (gradient of the weight,); ``max_pool`` takes (x,) and (y, codes or None);
``avg_pool`` takes (x,) and (y,). Arrays are batched, in the layout of the problem, of any strides.
There is no room for ``grad_input``: it is split into problems of kind ``conv``.
"""
