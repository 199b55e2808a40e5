"""A pytest plugin that puts our functions in the place of SciPy's, for SciPy's own tests."""

import scipy.ndimage
import scipy.signal
from scipy._lib import _array_api

import fastconv.ndimage
import fastconv.signal

# SciPy's tests look up there which kinds of arrays a function takes.
capabilities = getattr(_array_api, "xp_capabilities_table", {})
for theirs, ours in ((scipy.ndimage, fastconv.ndimage), (scipy.signal, fastconv.signal)):
    for name in ours.__all__:
        function = getattr(theirs, name)
        if function in capabilities:
            capabilities[getattr(ours, name)] = capabilities[function]
        setattr(theirs, name, getattr(ours, name))
