"""`load_digits`: a small real data set that needs no download, for demos, tests and first steps.

The data are the 1,797 handwritten digits of 8 x 8 pixels that come with scikit-learn (a copy of the test set of the
UCI "Optical Recognition of Handwritten Digits" data). scikit-learn is imported on the first call only.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Images = NDArray[np.float64]
Labels = NDArray[np.int64]


def load_digits(test_fraction: float = 0.2, seed: int = 0) -> tuple[tuple[Images, Labels], tuple[Images, Labels]]:
    """Return `(x_train, y_train), (x_test, y_test)`: digits to learn from and digits to be judged by.

    `x` has shape `(n, 64)` and dtype float64, pixels row by row, 0 for paper and 1 for ink; `y` has shape `(n,)` and
    dtype int64, the digit 0 to 9. The split is stratified (`test_fraction` of each digit, rounded, goes to the test
    set) and the same for the same `seed`; by default 1,438 digits to train and 359 to test.

    Raises ImportError when scikit-learn is missing, and ValueError when `test_fraction` is not in (0, 1).

    >>> from autodiff.data import load_digits
    >>> (x_train, y_train), (x_test, y_test) = load_digits()
    >>> x_train.shape, y_test.shape
    ((1438, 64), (359,))
    """
    if not 0 < test_fraction < 1:
        raise ValueError(f"test_fraction must be between 0 and 1, got {test_fraction}")
    try:
        from sklearn.datasets import load_digits as bundled_digits
    except ImportError as error:
        raise ImportError("load_digits reads the digits that scikit-learn brings: pip install scikit-learn") from error
    digits = bundled_digits()
    images, labels = digits.data / 16.0, digits.target.astype(np.int64)
    test = _stratified(labels, test_fraction, np.random.default_rng(seed))
    return (images[~test], labels[~test]), (images[test], labels[test])


def _stratified(labels: Labels, fraction: float, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Return a mask that selects the given fraction of each label, at random."""
    chosen = np.zeros(len(labels), np.bool_)
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        chosen[rng.permutation(members)[: round(fraction * len(members))]] = True
    return chosen
