"""One file per eval: inputs of all sizes, and what the answers should be, from plain NumPy without this library."""
