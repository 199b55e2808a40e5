"""Import this before NumPy: BLAS then works alone, as the cost model counts it.

Its threads would be there whatever number of threads fastconv is told, and stay awake for a tenth
of a second after their work, in which all else would be timed wrongly.
"""

import os

for _name in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS"):
    os.environ[_name] = "1"
