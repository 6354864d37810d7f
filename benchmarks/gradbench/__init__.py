"""GradBench's twelve evals, in this library.

`tool.py` is a GradBench tool: a program that answers the JSON lines of an eval (`python -m benchmarks.gradbench.tool`).
`python -m benchmarks.gradbench` is a small driver of our own: it makes inputs, asks the tool, compares every answer
with an independent reference in plain NumPy, and prints how long value and derivative took.

GradBench: https://github.com/gradbench/gradbench
"""
