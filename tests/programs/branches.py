"""`if`, `break`, `continue`, `return`, `and`, `or`, `not` in loops."""

import numpy as np

from programs.zoo import program, sample

X = sample(11, 14, low=-2.0, high=2.0)


@program(X)
def if_else(x):
    total = 0.0
    for k in range(len(x)):
        if x[k] > 0:
            total += x[k] ** 2
        else:
            total -= np.sin(x[k])
    return total


@program(X)
def if_without_else(x):
    total = 1.0
    for v in x:
        if v < 0.5:
            total = total * (1.0 + 0.1 * v)
    return total


@program(X)
def four_cases(x):
    total = 0.0
    for v in x:
        if v < -1.0:
            total += v
        elif v < 0.0:
            total += v**2
        elif v < 1.0:
            total += np.exp(v)
        else:
            total -= 0.5 * total * v
    return total


@program(X, 0.8)
def huber(x, delta):
    loss = 0.0
    for r in x:
        loss += 0.5 * r * r if abs(r) <= delta else delta * (abs(r) - 0.5 * delta)
    return loss


@program(X)
def nested_conditions(x):
    a, b = 0.0, 1.0
    for v in x:
        if v > 0.0:
            if v > 1.0:
                a = a + v
                w = v
            else:
                w = 2.0 * v
            b = b + a * w
        elif a > 2.0:
            a = 0.5 * a
    return a * b


@program(X, -0.7, 1.1)
def chained_comparison(x, low, high):
    inside, outside = 0.0, 0.0
    for v in x:
        if low < v <= high:
            inside += v * high
        else:
            outside += v * v * low
    return inside * outside


@program(X)
def and_or_not(x):
    total = 0.0
    for k in range(1, len(x)):
        if (x[k] > 0 and x[k - 1] > 0) or not (x[k] < 1.5):
            total += x[k] * x[k - 1]
        elif not (x[k] > -1.0 and k > 3):
            total += x[k] ** 3
    return total


@program(X)
def break_on_a_sum(x):
    total = 0.0
    for v in x:
        total += v**2
        if total > 6.0:
            break
    return total * 2.0


@program(X)
def break_before(x):
    product = 1.0
    for k in range(len(x)):
        if x[k] * product > 3.0 and k > 2:
            break
        product *= 1.0 + abs(x[k])
    return product * k


@program(X)
def continue_over_negatives(x):
    total = 0.0
    for v in x:
        if v < 0:
            continue
        total += np.sqrt(v)
    return total


@program(X)
def break_and_continue(x):
    total, count = 0.0, 0
    for k, v in enumerate(x):
        if v < -1.0:
            continue
        count += 1
        if count > 7:
            break
        total = 0.9 * total + v * k
    return total * count


@program(X, 2.0, name="return_from_a_loop")
@program(X, 1e9, name="return_after_a_loop")
def first_partial_sum_above(x, limit):
    total = 0.0
    for k in range(len(x)):
        total += x[k] ** 2
        if total > limit:
            return total * x[k]
    return total - x[0]


@program(sample(12, 10, 9), 2.0)
def return_from_two_loops(m, limit):
    total = 0.0
    for i in range(m.shape[0]):
        for j in range(m.shape[1]):
            total += m[i, j] * np.cos(total)
            if m[i, j] * total > limit:
                return total**2 + m[i, j]
    return total


@program(sample(13, 10, 9))
def break_the_inner_loop(m):
    total = 0.0
    for i in range(10):
        row = 0.0
        for j in range(9):
            row += m[i, j]
            if row < -1.0:
                break
        else:
            total += 10.0 * row
        total += row * row
    return total


@program(X, name="return_before_the_loop_not_taken")
@program(-np.abs(X), name="return_before_the_loop")
def guarded(x):
    if x[0] + x[3] < -1.0:
        return x[0] * x[1]
    total = 0.0
    for v in x:
        total += v * abs(v)
    return total


@program(X)
def odd_and_even(x):
    odd, even = 0.0, 1.0
    for k in range(len(x)):
        if k % 2:
            odd += x[k] ** 2
        else:
            even *= 1.5 + 0.2 * x[k]
    return odd * even


@program(X)
def largest_by_comparison(x):
    best, place = x[0], 0
    for k in range(1, len(x)):
        if x[k] > best:
            best, place = x[k], k
    return best * place + x[place] ** 2


@program(X)
def builtin_max_and_min(x):
    high, low = x[0], x[0]
    total = 0.0
    for v in x:
        high = max(high, v)
        low = min(low, v, 0.3)
        total += max(0.0, v) - min(v * v, 1.0)
    return total * (high - low)


@program(X)
def state_machine(x):
    falling, energy, level = False, 0.0, 1.0
    for v in x:
        if falling:
            energy += level * v
            falling = level > 0.5
            level *= 0.9
        else:
            level += 0.3 * abs(v)
            falling = level > 1.5 and v > 0
    return energy + level


@program(X)
def hysteresis(x):
    on = 0
    total = 0.0
    for v in x:
        if on == 0 and v > 0.8:
            on = 1
        elif on == 1 and v < -0.8:
            on = 0
        total += v**2 if on else 0.1 * v
    return total


@program(X, 3)
def branch_on_an_argument(x, mode):
    total = 0.0
    for v in x:
        if mode == 1:
            total += v
        elif mode == 3:
            total += np.sin(v)
        else:
            total += v**2
    return total


@program(X, None, name="branch_on_none", static=(1,))
@program(X, 0.4, name="branch_on_something")
def optional_weight(x, weight=None):
    total = 0.0
    for v in x:
        if weight is None:
            total += v**2
        else:
            total += weight * v**2
    return total


@program(X)
def condition_inside_an_expression(x):
    total = 0.0
    for k, v in enumerate(x):
        total = total * (0.5 if v > 0 else 1.5) + (v if k < 5 else v**2 if v < 1.0 else 1.0)
    return total


@program(X)
def branches_that_keep_arrays(x):
    state = np.ones(3)
    for v in x:
        if np.sum(state) > 3.5:
            state = 0.5 * state
        else:
            state = state + v * np.arange(3.0)
    return np.sum(state**2)


@program(X)
def asserted(x):
    total = 0.0
    for v in x:
        assert abs(v) <= 2.0, "out of the interval"
        total += np.arctan(v)
    return total


@program(X, "square", static=(1,))
def match_in_a_loop(x, kind):
    total = 0.0
    for v in x:
        match kind:
            case "square":
                total += v * v
            case _:
                total += v
    return total


@program(sample(14, 9, low=0.2, high=1.2))
def safe_branch(x):
    total = 0.0
    shifted = x - np.min(x)
    for v in shifted:
        if v > 0.05:
            total += np.log(v) / v
        else:
            total += v
    return total


@program(X)
def pass_and_empty(x):
    total = 0.0
    for v in x:
        if v > 1.0:
            pass
        elif v > 0.0:
            total += v
        else:
            ...
    return total**2


@program(sample(15, 12), 0.5)
def clipped_walk(noise, wall):
    position = 0.0
    for step in noise:
        position += step
        if position > wall:
            position = 2.0 * wall - position
        elif position < -wall:
            position = -2.0 * wall - position
    return position**2


@program(sample(16, 12))
def any_and_all(x):
    total = 0.0
    window = np.zeros(3)
    for v in x:
        window = np.roll(window, 1) + v * np.array([0.7, 0.0, 0.1])
        if np.any(window > 0.8) and not np.all(window > 0.0):
            total += np.sum(window)
        else:
            total += v**2
    return total
