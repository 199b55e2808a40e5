"""The demonstration: filters and pooling on a photograph, beside SciPy, in numbers and pictures.

==============  ==================================================================
photograph      loading it, as arrays
operations      what is computed, each beside SciPy's way to the same result
race            timing the two in turn, and comparing what they give
pipeline        the operations one after the other, from photograph to results
report          the table
colour          from numbers to colours
sheet           panels, captions and legends on one picture
pictures        what is to be seen of the results
command         ``python -m fastconv demo``
==============  ==================================================================

Needs Pillow, which only this part of fastconv imports.
"""
