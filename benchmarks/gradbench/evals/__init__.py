"""One file per eval: the program as a NumPy user writes it, its derivative, and the functions a tool is asked for."""
