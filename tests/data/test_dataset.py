"""`Dataset`: what each step yields, what epochs mean, and what the errors say."""

import doctest
import itertools
import sys
from typing import NamedTuple

import numpy as np
import pytest

import autodiff.data.dataset
import autodiff.data.digits
from autodiff.data import Dataset, load_digits

X = np.arange(10.0).reshape(5, 2)
Y = np.arange(5)


class Pair(NamedTuple):
    x: np.ndarray
    y: np.ndarray


def ints(dataset):
    return [int(element) for element in dataset]


# ----- Making one -----


def test_elements_are_rows():
    elements = list(Dataset.from_arrays(X))
    assert len(elements) == 5
    np.testing.assert_array_equal(elements, X)
    assert elements[0].dtype == np.float64


@pytest.mark.parametrize(
    "wrap", [lambda x, y: (x, y), lambda x, y: {"z": x, "a": y}, Pair], ids=["tuple", "dict", "named"]
)
def test_structure_is_kept(wrap):
    dataset = Dataset.from_arrays(wrap(X, Y))
    for element, x, y in zip(dataset, X, Y, strict=True):
        expected = wrap(x, y)
        assert type(element) is type(expected)
        assert list(element) == list(expected) if isinstance(expected, dict) else True
        for leaf, row in zip(leaves(element), leaves(expected), strict=True):
            np.testing.assert_array_equal(leaf, row)
    (batch,) = dataset.batch(5)
    assert type(batch) is type(wrap(X, Y))
    np.testing.assert_array_equal(leaves(batch)[0], X)


def leaves(element):
    return list(element.values()) if isinstance(element, dict) else list(element)


def test_nested_structure():
    element = next(iter(Dataset.from_arrays(({"x": X}, (Y, Y + 1))).batch(2)))
    np.testing.assert_array_equal(element[0]["x"], X[:2])
    np.testing.assert_array_equal(element[1][1], [1, 2])


def test_lists_are_array_data():
    (element,) = Dataset.from_tensor_slices([[[1.0, 2.0]]])
    assert element.shape == (1, 2)


@pytest.mark.parametrize("dtype", ["float32", "int8", "bool", "complex128", "datetime64[D]"])
def test_dtype_is_kept(dtype):
    dataset = Dataset.from_arrays(np.zeros(4, dtype))
    assert next(iter(dataset)).dtype == dtype
    assert next(iter(dataset.batch(2))).dtype == dtype
    assert next(iter(dataset.map(lambda x: x).batch(2))).dtype == dtype


def test_editing_what_was_yielded_leaves_the_data_alone():
    for element in itertools.chain(Dataset.from_arrays(X), Dataset.from_arrays(X).batch(5)):
        element += 100.0
    np.testing.assert_array_equal(X, np.arange(10.0).reshape(5, 2))


@pytest.mark.parametrize(
    ("structure", "error", "words"),
    [
        ((X, Y[:3]), ValueError, ["array[0] has 5 rows", "array[1] has 3"]),
        ({"x": X, "y": Y[:3]}, ValueError, ["array['x'] has 5 rows", "array['y'] has 3"]),
        ((), ValueError, ["no array"]),
        (3.0, ValueError, ["scalar 3.0", "at least one axis"]),
        ([[1.0], [1.0, 2.0]], ValueError, ["not a rectangular array"]),
        (np.array([None, 1]), TypeError, ["Python objects"]),
    ],
    ids=["tuple", "dict", "empty", "scalar", "ragged", "objects"],
)
def test_from_arrays_errors(structure, error, words):
    with pytest.raises(error) as caught:
        Dataset.from_arrays(structure)
    for word in words:
        assert word in str(caught.value)


def test_zip_takes_datasets_arrays_and_lists():
    labels = [[0, 1]] * 5
    dataset = Dataset.zip((Dataset.from_arrays(X), Y, labels))
    assert len(dataset) == 5
    x, y, label = next(iter(dataset.batch(3)))
    assert (x.shape, y.shape, label.shape) == ((3, 2), (3,), (3, 2))
    assert [len(element) for element in Dataset.zip(X, Y)] == [2] * 5


def test_zip_of_plain_arrays_stays_rows():
    assert Dataset.zip((X, Dataset.from_arrays(Y)))._rows is not None
    assert Dataset.zip((X, Dataset.from_arrays(Y).shuffle(seed=0)))._rows is None


def test_zip_nests():
    x, (y, z) = next(iter(Dataset.zip((X, (Y, Y + 1)))))
    assert (x.tolist(), y, z) == ([0.0, 1.0], 0, 1)


def test_zip_shuffles_each_part_by_its_own_order():
    a, b = Dataset.from_arrays(Y).shuffle(seed=1), Dataset.from_arrays(Y).shuffle(seed=2)
    assert [(int(x), int(y)) for x, y in Dataset.zip((a, b))] == list(zip(ints(a), ints(b), strict=True))


def test_zip_errors_name_both_lengths():
    with pytest.raises(ValueError, match=r"part 0 has 5 elements and part 1 has 3"):
        Dataset.zip((X, Y[:3]))
    with pytest.raises(ValueError, match="nothing to zip"):
        Dataset.zip(())


def test_zip_with_an_endless_part_lasts_as_long_as_the_other():
    dataset = Dataset.zip((Y, Dataset.from_arrays([1, 2]).repeat()))
    assert len(dataset) == 5
    assert [int(b) for _, b in dataset] == [1, 2, 1, 2, 1]


# ----- Refining it -----


@pytest.mark.parametrize("stream", [False, True], ids=["rows", "stream"])
def test_batch_sizes(stream):
    dataset = Dataset.from_arrays((X, Y))
    if stream:
        dataset = dataset.map(lambda x, y: (x, y))
    whole = dataset.batch(2)
    assert len(whole) == 3
    assert [y.tolist() for _, y in whole] == [[0, 1], [2, 3], [4]]
    cut = dataset.batch(2, drop_remainder=True)
    assert len(cut) == 2
    assert [y.tolist() for _, y in cut] == [[0, 1], [2, 3]]


def test_batches_are_one_fancy_index_each():
    taken = []

    class Spy(np.ndarray):
        def __getitem__(self, key):
            taken.append(np.size(key))
            return np.asarray(super().__getitem__(key))

    rows = Dataset.from_arrays(X)._rows
    spied = autodiff.data.dataset._Rows(X.view(Spy), rows.order, False)
    assert len(list(Dataset(spied, 5).shuffle(seed=0).repeat(2).batch(4))) == 3
    assert taken == [4, 4, 2]


def test_batch_of_batches():
    (outer,) = Dataset.from_arrays(np.arange(6)).batch(3).batch(2)
    np.testing.assert_array_equal(outer, [[0, 1, 2], [3, 4, 5]])


def test_batch_errors():
    with pytest.raises(ValueError, match="n >= 1, got 0"):
        Dataset.from_arrays(Y).batch(0)
    ragged = Dataset.from_arrays(Y).map(lambda y: np.zeros(y)).batch(2)
    with pytest.raises(ValueError, match=r"different shapes: \(0,\) and \(1,\)"):
        list(ragged)


@pytest.mark.parametrize("stream", [False, True], ids=["rows", "stream"])
def test_shuffle_is_a_permutation_new_in_each_epoch_and_the_same_in_each_run(stream):
    def fresh():
        dataset = Dataset.from_arrays(np.arange(50))
        return (dataset.map(lambda y: y) if stream else dataset).shuffle(seed=3)

    first, second = fresh(), fresh()
    epochs = [ints(first) for _ in range(3)]
    assert all(sorted(epoch) == list(range(50)) for epoch in epochs)
    assert epochs[0] != epochs[1] != epochs[2]
    assert epochs == [ints(second) for _ in range(3)]
    assert ints(Dataset.from_arrays(np.arange(50)).shuffle(seed=4)) != epochs[0]


def test_rows_and_streams_are_shuffled_alike():
    rows = Dataset.from_arrays(np.arange(20))
    assert ints(rows.shuffle(seed=0)) == ints(rows.map(lambda y: y).shuffle(seed=0))


def test_shuffle_without_seed_differs_between_datasets():
    dataset = Dataset.from_arrays(np.arange(100))
    assert ints(dataset.shuffle()) != ints(dataset.shuffle())
    assert sorted(ints(dataset.shuffle(1024))) == list(range(100))


def test_epochs_of_derived_datasets_do_not_disturb_each_other():
    shuffled = Dataset.from_arrays(np.arange(20)).shuffle(seed=0)
    two, five = shuffled.batch(2), shuffled.batch(5)
    epoch = np.concatenate(list(two))
    np.testing.assert_array_equal(epoch, np.concatenate(list(five)))
    assert not np.array_equal(epoch, np.concatenate(list(two)))


def test_columns_stay_together():
    for x, y in Dataset.from_arrays((X, Y)).shuffle(seed=5).batch(2):
        np.testing.assert_array_equal(x[:, 0], 2 * y)


@pytest.mark.parametrize("stream", [False, True], ids=["rows", "stream"])
def test_repeat_equals_repeated_passes(stream):
    dataset = Dataset.from_arrays(np.arange(7))
    shuffled = (dataset.map(lambda y: y) if stream else dataset).shuffle(seed=0)
    repeated = shuffled.repeat(3)
    assert len(repeated) == 21
    passes = [ints(shuffled) for _ in range(6)]
    assert ints(repeated) == list(itertools.chain(*passes[:3]))
    assert ints(repeated) == list(itertools.chain(*passes[3:]))


@pytest.mark.parametrize("stream", [False, True], ids=["rows", "stream"])
def test_endless(stream):
    dataset = Dataset.from_arrays(np.arange(3))
    endless = (dataset.map(lambda y: y) if stream else dataset).repeat()
    for use in (len, lambda d: len(d.batch(2))):
        with pytest.raises(TypeError, match="endless dataset has no length"):
            use(endless)
    assert ints(itertools.islice(endless, 7)) == [0, 1, 2, 0, 1, 2, 0]
    assert ints(endless.take(4)) == [0, 1, 2, 0]
    assert len(endless.take(4)) == 4
    assert [batch.tolist() for batch in endless.batch(2).take(3)] == [[0, 1], [2, 0], [1, 2]]
    with pytest.raises(ValueError, match="call shuffle before repeat"):
        endless.shuffle(seed=0)
    assert repr(endless) == "<Dataset of endless elements>"


@pytest.mark.parametrize("stream", [False, True], ids=["rows", "stream"])
def test_empty(stream):
    dataset = Dataset.from_arrays(np.zeros((0, 2)))
    dataset = dataset.map(lambda y: y) if stream else dataset
    for empty in (dataset, dataset.repeat(), dataset.repeat(0), dataset.take(0).shuffle(seed=0).batch(3)):
        assert list(empty) == []
        assert len(empty) == 0
    assert len(Dataset.from_arrays(Y).repeat(0)) == 0


@pytest.mark.parametrize("stream", [False, True], ids=["rows", "stream"])
def test_take(stream):
    dataset = Dataset.from_arrays(Y)
    dataset = dataset.map(lambda y: y) if stream else dataset
    assert ints(dataset.take(2)) == [0, 1]
    assert ints(dataset.take(9)) == [0, 1, 2, 3, 4]
    assert len(dataset.take(9)) == 5
    assert ints(dataset.take(2).shuffle(seed=0).repeat(2).take(3).take(2)) in ([0, 1], [1, 0])


def test_negative_counts():
    for make in (Dataset.from_arrays(Y).take, Dataset.from_arrays(Y).repeat):
        with pytest.raises(ValueError, match="got -1"):
            make(-1)


def test_map_unpacks_tuples_and_makes_arrays():
    dataset = Dataset.from_arrays((X, Y)).map(lambda x, y: {"sum": float(x.sum()) + y, "pair": [1, 2]})
    element = list(dataset)[1]
    assert element["sum"] == 6.0
    assert element["pair"].shape == (2,)
    assert ints(Dataset.from_arrays(Pair(X, Y)).map(lambda pair: pair.y)) == [0, 1, 2, 3, 4]


def test_map_over_batches_sees_batches():
    sizes = []
    list(Dataset.from_arrays((X, Y)).batch(2).map(lambda x, y: sizes.append(len(x)) or x))
    assert sizes == [2, 2, 1]


def test_steps_do_not_change_the_dataset_they_refine():
    dataset = Dataset.from_arrays(Y)
    dataset.take(1), dataset.shuffle(seed=0), dataset.repeat(), dataset.batch(2)
    assert ints(dataset) == [0, 1, 2, 3, 4]
    assert repr(dataset) == "<Dataset of 5 elements>"


# ----- Digits -----


def test_load_digits():
    pytest.importorskip("sklearn")
    (x_train, y_train), (x_test, y_test) = load_digits()
    assert (x_train.shape, x_test.shape) == ((1438, 64), (359, 64))
    assert (x_train.dtype, y_train.dtype) == (np.float64, np.int64)
    assert (x_train.min(), x_train.max()) == (0.0, 1.0)
    share = np.bincount(y_test) / np.bincount(np.concatenate([y_train, y_test]))
    np.testing.assert_allclose(share, 0.2, atol=0.005)
    np.testing.assert_array_equal(load_digits()[1][0], x_test)
    assert not np.array_equal(load_digits(seed=1)[1][0], x_test)
    with pytest.raises(ValueError, match=r"got 1\.5"):
        load_digits(test_fraction=1.5)


def test_load_digits_without_scikit_learn(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(ImportError, match="pip install scikit-learn"):
        load_digits()


@pytest.mark.parametrize("module", [autodiff.data.dataset, autodiff.data.digits], ids=["dataset", "digits"])
def test_examples_in_docstrings(module):
    result = doctest.testmod(module)
    assert result.attempted > 0
    assert result.failed == 0
