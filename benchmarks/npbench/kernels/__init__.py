"""One file per kernel; a file put here is tested and timed, nothing else names it."""
