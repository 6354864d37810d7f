"""The life of a tape: blocks, persistence, stopping, resetting, exceptions, several tapes, threads, memory."""

import gc
import threading
import weakref

import numpy as np
import pytest

import autodiff as ad
from autodiff.errors import ShapeError

pytestmark = pytest.mark.usefixtures("interpreted")


def value(g):
    return None if g is None else g.numpy().tolist()


# ---- one tape ---------------------------------------------------------------------------------


def test_persistent_tape_answers_any_number_of_times():
    x = ad.constant([1.0, 3.0])
    with ad.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = x * x
        z = y * y
    assert value(tape.gradient(z, x)) == [4.0, 108.0]
    assert value(tape.gradient(y, x)) == [2.0, 6.0]
    assert value(tape.gradient(z, y)) == [2.0, 18.0]


def test_second_block_appends():
    x = ad.constant(2.0)
    tape = ad.GradientTape()
    with tape:
        tape.watch(x)
        y = x * x
    with tape:
        z = y * x
    assert value(tape.gradient(z, x)) == 12.0


def test_entering_an_active_tape():
    x = ad.constant(2.0)
    with ad.GradientTape() as tape:
        tape.watch(x)
        with pytest.raises(ValueError, match="already recording"), tape:
            pass
        y = x * x
    assert value(tape.gradient(y, x)) == 4.0


def test_used_tape_starts_afresh():
    x = ad.constant(3.0)
    with ad.GradientTape() as tape:
        tape.watch(x)
        y = x * x
    assert value(tape.gradient(y, x)) == 6.0
    with tape:
        tape.watch(x)
        z = x**3
    assert value(tape.gradient([z, y], x)) == 27.0


def test_used_tape_forgets_what_it_watched():
    x = ad.constant(3.0)
    with ad.GradientTape() as tape:
        tape.watch(x)
        y = x * x
    tape.gradient(y, x)
    with tape:
        z = x**3
    assert tape.gradient(z, x) is None


def test_gradient_inside_then_again():
    x = ad.constant(3.0)
    tape = ad.GradientTape()
    for _ in range(2):
        with tape:
            tape.watch(x)
            y = x * x
            assert value(tape.gradient(y, x)) == 6.0


def test_enter_and_exit_by_hand():
    x = ad.constant(3.0)
    tape = ad.GradientTape()
    assert tape.__enter__() is tape
    tape.watch(x)
    y = x * x
    tape.__exit__(None, None, None)
    tape.__exit__(None, None, None)
    x * y
    assert value(tape.gradient(y, x)) == 6.0


def test_repr_says_what_the_tape_holds():
    v = ad.Variable(3.0)
    tape = ad.GradientTape()
    assert "0 operations" in repr(tape)
    with tape:
        y = v * v + v
        assert repr(tape) == "GradientTape(2 operations, 1 variables, recording)"
    assert "idle" in repr(tape)
    tape.gradient(y, v)
    assert "consumed" in repr(tape)


# ---- stop_recording and reset ---------------------------------------------------------------------


def test_what_runs_while_stopped_is_constant():
    x, y = ad.constant(2.0), ad.constant(3.0)
    with ad.GradientTape() as tape:
        tape.watch([x, y])
        z = x * x
        with tape.stop_recording():
            w = y * y
        total = z + w
    assert [value(g) for g in tape.gradient(total, [x, y])] == [4.0, None]


def test_stopping_keeps_what_is_there():
    x = ad.constant(2.0)
    with ad.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = x * x
        with tape.stop_recording():
            z = y * y
        after = y * 2.0
    assert tape.gradient(z, x) is None
    assert value(tape.gradient(y, x)) == 4.0
    assert value(tape.gradient(after, x)) == 8.0


def test_exception_while_stopped_resumes_the_recording():
    x = ad.constant(2.0)
    with ad.GradientTape() as tape:
        tape.watch(x)
        with pytest.raises(KeyError), tape.stop_recording():
            raise KeyError
        y = x * x
    assert value(tape.gradient(y, x)) == 4.0


def test_stopping_a_tape_that_does_not_record():
    tape = ad.GradientTape()
    with pytest.raises(RuntimeError, match="not recording"), tape.stop_recording():
        pass
    with tape:
        pass
    with pytest.raises(RuntimeError, match="not recording"), tape.stop_recording():
        pass
    with tape, tape.stop_recording(), pytest.raises(RuntimeError, match="not recording"), tape.stop_recording():
        pass


@pytest.mark.parametrize("stop_inner", [True, False])
def test_stopping_one_of_two_tapes(stop_inner):
    x = ad.constant(3.0)
    with ad.GradientTape() as outer, ad.GradientTape() as inner:
        outer.watch(x)
        inner.watch(x)
        with (inner if stop_inner else outer).stop_recording():
            y = x * x
    assert value(outer.gradient(y, x)) == (6.0 if stop_inner else None)
    assert value(inner.gradient(y, x)) == (None if stop_inner else 6.0)


def test_gradient_while_a_persistent_tape_is_stopped():
    x = ad.constant(3.0)
    with ad.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = x**3
        with tape.stop_recording():
            g = tape.gradient(y, x)
        z = g * x
    assert value(g) == 27.0
    assert tape.gradient(g, x) is None
    assert value(tape.gradient(z, x)) == 27.0


def test_gradient_while_stopped_consumes():
    x, v = ad.constant(3.0), ad.Variable(1.0)
    with ad.GradientTape() as tape:
        tape.watch(x)
        y = x * x
        with tape.stop_recording():
            assert value(tape.gradient(y, x)) == 6.0
        v * v
    with pytest.raises(RuntimeError, match="non-persistent"):
        tape.gradient(y, x)
    assert repr(tape) == "GradientTape(0 operations, 0 variables, consumed)"


def test_reset_drops_everything():
    x, y, c = ad.Variable(2.0), ad.Variable(3.0), ad.constant(4.0)
    with ad.GradientTape() as tape:
        tape.watch(c)
        z = y * y * c
        tape.reset()
        z = z + x * x + c * c
    grads = tape.gradient(z, {"x": x, "y": y, "c": c})
    assert {k: value(g) for k, g in grads.items()} == {"x": 4.0, "y": None, "c": None}


def test_reset_outside_the_block():
    x = ad.constant(2.0)
    tape = ad.GradientTape()
    tape.reset()
    with tape:
        tape.watch(x)
        y = x * x
    tape.reset()
    assert tape.gradient(y, x) is None


# ---- exceptions -------------------------------------------------------------------------------------


def test_exception_in_the_block_ends_the_recording_and_keeps_it():
    x = ad.constant(3.0)
    tape = ad.GradientTape()
    with pytest.raises(KeyError, match="boom"), tape:
        tape.watch(x)
        y = x * x
        raise KeyError("boom")
    z = x * x
    assert value(tape.gradient([y, z], x)) == 6.0


def test_error_in_an_operation_leaves_the_recording_intact():
    x = ad.constant([[1.0, 2.0]])
    with ad.GradientTape() as tape:
        tape.watch(x)
        y = x * x
        with pytest.raises(ShapeError, match=r"matmul: shapes \(1, 2\) and \(1, 2\)"):
            y @ x
        with pytest.raises(ShapeError, match=r"\(1, 2\) and \(3,\)"):
            y + np.ones(3)
        z = y * 3.0
    assert value(tape.gradient(z, x)) == [[6.0, 12.0]]


# ---- several tapes ------------------------------------------------------------------------------------


def test_two_tapes_in_one_with():
    x, y = ad.constant(4.0), ad.constant(1.0)
    with ad.GradientTape() as first, ad.GradientTape() as second:
        first.watch(y)
        second.watch(x)
        z = np.sqrt(x) + y
    assert value(first.gradient(z, y)) == 1.0
    assert value(second.gradient(z, x)) == 0.25


def test_watching_concerns_one_tape():
    x, y = ad.constant(2.0), ad.constant(3.0)
    with ad.GradientTape(persistent=True) as outer, ad.GradientTape(persistent=True) as inner:
        outer.watch(x)
        inner.watch(y)
        z = x * x * y
    assert value(outer.gradient(z, x)) == 12.0
    assert value(inner.gradient(z, y)) == 4.0
    assert outer.gradient(z, y) is None
    assert inner.gradient(z, x) is None


def test_tapes_may_end_in_any_order():
    x = ad.constant(3.0)
    first, second = ad.GradientTape(), ad.GradientTape()
    first.__enter__()
    second.__enter__()
    first.watch(x)
    second.watch(x)
    y = x * x
    first.__exit__(None, None, None)
    z = y * x
    second.__exit__(None, None, None)
    assert value(second.gradient(z, x)) == 27.0
    assert first.gradient(z, x) is None


# ---- threads --------------------------------------------------------------------------------------------


def in_thread(f):
    """The result of f, run in a thread of its own."""
    found = []
    thread = threading.Thread(target=lambda: found.append(f()))
    thread.start()
    thread.join()
    return found[0]


def test_recording_is_local_to_the_thread():
    x = ad.constant(3.0)
    with ad.GradientTape() as tape:
        tape.watch(x)
        y = in_thread(lambda: x * x)
    assert y.numpy() == 9.0
    assert tape.gradient(y, x) is None


def test_gradient_from_another_thread():
    x = ad.constant(3.0)
    with ad.GradientTape() as tape:
        tape.watch(x)
        y = x * x
    assert value(in_thread(lambda: tape.gradient(y, x))) == 6.0


def test_gradient_from_another_thread_ends_the_recording_of_its_own():
    x = ad.constant(3.0)
    with ad.GradientTape() as tape:
        tape.watch(x)
        y = x * x
        assert value(in_thread(lambda: tape.gradient(y, x))) == 6.0
        y * y
        assert "0 operations" in repr(tape)


def test_deferred_values_can_be_computed_by_several_threads():
    x = ad.constant(np.linspace(0.0, 1.0, 5))
    with ad.GradientTape() as tape:
        tape.watch(x)
        ys = [np.sin(x) * float(k) for k in range(3, 23)]
    barrier, found = threading.Barrier(4), []

    def look():
        barrier.wait()
        found.append([y.numpy() for y in ys])

    threads = [threading.Thread(target=look) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert len(found) == 4
    for ours in found:
        np.testing.assert_allclose(ours, [np.sin(x.numpy()) * k for k in range(3, 23)], rtol=1e-15)


def test_every_thread_may_have_its_tape():
    def work(k):
        x = ad.Variable(float(k))
        for _ in range(20):
            with ad.GradientTape() as tape:
                y = x**3 * float(k)
            found = value(tape.gradient(y, x))
        return found

    found = {}
    threads = [threading.Thread(target=lambda k=k: found.__setitem__(k, work(k))) for k in range(1, 6)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert found == {k: pytest.approx(3.0 * k**3) for k in range(1, 6)}


# ---- memory -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("persistent", [False, True])
def test_recording_is_freed_with_the_tape_or_by_gradient(persistent):
    x = ad.constant(3.0)
    with ad.GradientTape(persistent=persistent) as tape:
        tape.watch(x)
        middle = x * x
        y = middle * x
    seen = weakref.ref(middle)
    del middle
    assert seen() is not None
    assert value(tape.gradient(y, x)) == 27.0
    gc.collect()
    assert (seen() is not None) == persistent
    del tape
    gc.collect()
    assert seen() is None


def test_loop_on_a_variable_does_not_grow():
    v = ad.Variable([1.0, 2.0])

    def step():
        with ad.GradientTape() as tape:
            loss = np.sum(v * v)
        v.assign_sub(0.1 * tape.gradient(loss, v))

    def tensors():
        gc.collect()
        return sum(type(o) is ad.Tensor for o in gc.get_objects())  # isinstance follows dead weak proxies

    for _ in range(5):
        step()
    before = tensors()
    for _ in range(20):
        step()
    assert tensors() < before + 20  # a tensor kept per step would be 20 more
