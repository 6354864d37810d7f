"""The kernels as JAX users would write them: functions of arrays, without writes; loops are `fori_loop` or `scan`.

Each is named like its kernel and returns a tuple: the arguments which that kernel writes, then what it returns.
"""
