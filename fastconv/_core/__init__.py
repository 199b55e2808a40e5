"""L0, the ground floor: what a problem is, and the services every room shares.

Imports nothing else of fastconv.

=============  =================================================================
problem        the Problem: one operation on given sizes, with its one-line spelling
geometry       the same in C, canonical 3-D, and array strides in that order
sizes          output-size arithmetic
arguments      parsing of user arguments into tuples, with clear errors
padding        the padding modes that are materialised before a problem is posed
dtypes         which dtypes there are, and what carries their arithmetic
threads        how many threads may work; fork safety
arena          scratch memory, reused between calls
blas, fft      the only doors to BLAS and to FFT libraries
=============  =================================================================
"""
