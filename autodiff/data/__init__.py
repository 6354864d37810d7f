"""Feeding training loops: in-memory datasets cut into batches, and one small real data set."""

from autodiff.data.dataset import Dataset
from autodiff.data.digits import load_digits

__all__ = ["Dataset", "load_digits"]
