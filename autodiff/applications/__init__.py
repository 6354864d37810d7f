"""Complete small programs over the public API, run as `python -m autodiff.applications.<name>`."""
