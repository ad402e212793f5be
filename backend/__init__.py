"""Models, data and training: everything but the page."""

import os

# Read by OpenMP when torch is imported. Threads that spin long while they wait starve each other as soon as page, run
# and playground share the cores (a step took five times as long); threads that never spin lose a quarter on idle ones.
# A tenth of the usual 300,000 turns keeps most of both.
if "OMP_WAIT_POLICY" not in os.environ:
    os.environ.setdefault("GOMP_SPINCOUNT", "30000")
