"""L0, the ground floor: what a problem is, and the services every room shares.

Imports nothing else of fastconv.

=============  =================================================================
problem        the Problem: one operation on given sizes, with its one-line spelling
geometry       the same in C, canonical 3-D, and array strides in that order
sizes          output-size arithmetic
arguments      parsing of user arguments into tuples, with clear errors
outputs        the caller's ``out``
arrays         cheap questions to arrays, cheap new ones
padding        the padding modes that are materialised before a problem is posed
windows        where the taps of a window meet the input; winners: taps into flat indices
dtypes         which dtypes there are, and what carries their arithmetic
integers       exact sums: bounds, carriers, results that fit or raise
settings       what calls are computed with, for the process or a block of code
threads        how many threads may work
team           the threads, to whom tasks are dealt out, and how they treat denormal numbers
processor      its name; memory of the machine
version        of the package
arena          scratch memory, reused between calls
blas, fft      the only doors to BLAS and to FFT libraries
_common        what the compiled modules have in common; written by Cython
=============  =================================================================
"""
