"""What the hand-written kernels share."""
