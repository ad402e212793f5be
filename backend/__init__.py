"""Models, data and training: everything but the page."""

import os

# Read by OpenMP when torch is imported. Threads that spin while they wait starve each other as soon as page, run and
# playground share the cores: on two busy ones a training step took five times as long.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
