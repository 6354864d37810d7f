"""What computes a kernel, one file each: `prepare` returns what a user would call, with NumPy arrays in and out."""
