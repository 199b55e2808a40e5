"""A pytest plugin that puts our functions in the place of SciPy's, for SciPy's own tests."""

from scipy import ndimage, signal
from scipy._lib import _array_api

import fastconv

# SciPy's tests look up there which kinds of arrays a function takes.
capabilities = getattr(_array_api, "xp_capabilities_table", {})
for theirs, ours in ((ndimage, fastconv.ndimage), (signal, fastconv.signal)):
    for name in ours.__all__:
        if getattr(theirs, name) in capabilities:
            capabilities[getattr(ours, name)] = capabilities[getattr(theirs, name)]
replacing = fastconv.in_place_of_scipy()
replacing.__enter__()
