"""NumPy's functions and methods, for values that are being recorded."""
