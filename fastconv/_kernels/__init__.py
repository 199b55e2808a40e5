"""L1, the kernels: the only place that names CPUs.

===============  ==================================================================
table.h          what a kernel table holds: function pointers and block sizes
tile.h           template: a register tile of a convolution, the heart of everything
depthwise.h      template: a tile where every lane is a channel of its own
dot.h            template: products of rows with rows, as they lie in memory
plane.h          template: tiles of one channel plane and one filter
windows.h        template: which taps of a window lie inside the input
*_windows.h      templates: windows read in place, of single planes or of neighbouring channels
signals.h        template: neighbouring outputs of a signal, lanes being its segments
fourier.h        template: transforms of blocks in lanes, and products of spectra
pool.h, slide.h  templates: windows of pooling, small and sliding; spread.h: their gradients
ordered.h        template: sums whose order is part of the result, of numbers of any dtype
extrema.h        larger and smaller ones of two rows, of any dtype
convert.h        template: small integers to floats and back; conversion.pyx: of whole arrays
part.h           template: vectors of which some lanes lie outside an array
winograd.h       template: the transforms of Winograd's convolution
fused.h          template: the same from products to outputs in registers, for few terms
transpose.h      template: transposition, copies, and weights into the order tiles read
square.h         template: transposition by squares in registers, of several sizes
split.h          float32 into bfloat16 parts, in the order that a tile unit reads
split_tile.h     template: a register tile of split products, of any tile unit
unit_dtype.h     all templates but those of split products, for one dtype
unit.h           instantiates them for every dtype; included once per level
unit_*.c         one unit per instruction-set level, compiled with flags of its own
detect.h         which levels this machine can run
table.pyx        all tables, the active one, its door for Cython
isa.py           the levels as Python sees them
===============  ==================================================================

A unit fills a table on top of the level below, so that every pointer is valid at every level;
only the split products exist at levels with a tile unit alone, and say so.
"""
