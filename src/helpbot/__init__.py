"""A help bot that answers from your articles and hands people a complete case."""

import os

__version__ = "0.1.0"

# A request is one core's work. OpenBLAS's own threads wait by spinning: on a busy machine they make a short
# product ten times slower, and they never make it faster. It reads this when NumPy is first imported.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
