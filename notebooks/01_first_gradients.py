# ---
# jupyter:
#   jupytext:
#     formats: py:percent,ipynb
#     text_representation:
#       extension: .py
#       format_name: percent
#       format_version: '1.3'
#       jupytext_version: 1.19.6
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # First gradients
#
# You write NumPy; `autodiff` computes the derivatives of what you wrote. This notebook takes one small function from a
# first gradient to the compiled loop that computes it, and looks at every stage on the way. At the end the same tools
# fit a model to real data.
#
# You need to know NumPy, and what a derivative is.

# %%
import time

import matplotlib.pyplot as plt
import numpy as np

import autodiff as ad

# %% [markdown]
# ## A first gradient
#
# There are two ways to ask for a gradient. The first is a **tape**: create variables, compute inside a `with` block,
# then ask how the result changes with the variables.

# %%
x = ad.Variable(5.0)
with ad.GradientTape() as tape:
    y = x**2 + 2 * x + 1
print("value", y, "gradient", tape.gradient(y, x))

# %% [markdown]
# By hand: the derivative of $x^2 + 2x + 1$ is $2x + 2$, at 5 that is 12.
#
# The second way is a **decorator**. `ad.grad` turns a function that returns one number into the function that returns
# its gradient; `ad.value_and_grad` returns both. The function is plain NumPy and is given plain arrays.


# %%
def wave(x):
    return np.sin(x) * np.exp(-0.1 * x**2)


@ad.value_and_grad
def total(x):
    return np.sum(wave(x))


points = np.array([0.0, 0.5, 1.0, 2.0])
value, gradient = total(points)
print("value", value.round(6))
print("gradient", gradient.round(6))

# %% [markdown]
# These are derivatives, not difference quotients: exact up to rounding, and all of them from one pass over the
# function, however many inputs it has.
#
# Which of the two to use? The tape reads well in training loops, where parameters are updated in place. The decorator
# suits functions you hand to an optimiser. Both lead to the same machinery, which the next sections look into.

# %% [markdown]
# ## Stage 1: the recording
#
# When `total` was called, it ran once on a stand-in for `x`, an object with a shape and a dtype but without numbers.
# NumPy lets such objects answer for functions like `np.sin`, and each answer wrote down one line. The result is a
# *linear* program: a list of instructions, each of which names what it reads and what it makes. `f64[4]` is an array of
# four float64 numbers.

# %%
print(total.ir())

# %% [markdown]
# Two things are worth noticing. `wave` has disappeared: a recording sees operations, not the functions they were
# written in. And the same goes for loops, classes and containers; whatever Python did to arrange the operations
# happened once.

# %% [markdown]
# ## Stage 2: the adjoint
#
# To get a gradient, the recording is read backwards. The question at each instruction is always the same: *if the
# result changes by this much, how much is due to each operand?* For $v = a \cdot b$ the answer is: to $a$ the change
# times $b$, to $b$ the change times $a$. For $v = \sin a$ it is the change times $\cos a$. The answers are again
# instructions, so they are simply appended. That is the *adjoint program*, and it ends with `ct_x`, the gradient (`ct`
# is for cotangent, the change as it travels backwards):

# %%
print(total.adjoint_ir())

# %% [markdown]
# The first half is the recording. The second half is the chain rule for
#
# $$\frac{d}{dx} \sin(x)\, e^{-0.1 x^2} = \cos(x)\, e^{-0.1 x^2} - 0.2\, x\, \sin(x)\, e^{-0.1 x^2}.$$
#
# Its two terms arrive at `x` on two paths (through `sin` and through `exp`), and the last instruction adds them up. The
# program was also simplified: the square is a product now, and the exponential is computed once and used by both
# halves.

# %% [markdown]
# ## Stage 3: the kernel
#
# NumPy would run these instructions one after another, each over the whole array, with a temporary array for each.
# Instead the program becomes one loop: for each element everything is computed, forward and backward, while it is still
# in registers. LLVM compiles the loop to machine code. Here it is as ordinary Python, printed for reading:

# %%
print(total.source())

# %% [markdown]
# `x` and the gradient are the only arrays. Long sums are added up in chunks, which is faster and rounds less. The
# factor -0.1 has become an argument (`c`): a different number there will use the
# same compiled kernel. The same is true of the length of `x`.

# %% [markdown]
# ## What happens on the second call
#
# Compiling takes time, so it should happen once. `cache_info` counts.


# %%
@ad.value_and_grad
def energy(x):
    return np.sum(np.log1p(x**2) * np.tanh(x))


def timed(x):
    start = time.perf_counter()
    energy(x)
    milliseconds = 1e3 * (time.perf_counter() - start)
    print(f"{len(x):7,} points {milliseconds:10.3f} ms   {energy.cache_info()}")


timed(np.linspace(0.0, 1.0, 1000))  # records, differentiates, compiles
timed(np.linspace(0.5, 1.5, 1000))  # runs the kernel
timed(np.linspace(0.0, 1.0, 5000))  # another size: records again, finds the kernel
timed(np.linspace(0.0, 1.0, 5000))  # runs the kernel
timed(np.linspace(0.0, 1.0, 1000, dtype=np.float32))  # another dtype: another kernel

# %% [markdown]
# A new size costs a recording, which takes milliseconds; it compiles nothing. A new dtype does compile: single
# precision is computed in single precision.
#
# A tape is in less of a hurry. It *interprets* its program with NumPy the first two times and compiles when the same
# graph comes a third time, so that a gradient you need once does not wait for a compiler.

# %%
before = ad.cache_info().compiled
weights = ad.Variable(np.linspace(-1.0, 1.0, 30))
for step in range(4):
    with ad.GradientTape() as tape:
        loss = np.mean(np.sqrt(1.0 + weights**2))
    weights.assign_sub(5.0 * tape.gradient(loss, weights))
    print(f"step {step}: loss {loss:.6f}, kernels compiled so far: {ad.cache_info().compiled - before}")

# %% [markdown]
# ## Is it right?
#
# `check_grads` compares three independent answers along random directions: differences of function values, forward mode
# and reverse mode. It raises when they disagree; `order=2` also checks the derivative of the gradient.

# %%
report = ad.testing.check_grads(lambda x: np.sum(wave(x)), (points,), order=2)

# %% [markdown]
# ## Decisions by value
#
# A gradient that is silently wrong is worse than none. A function that decides by the *value* of an array is recorded
# with one of its branches; so the decision is checked at every call, and where it comes out differently the function is
# recorded once more:


# %%
@ad.grad
def kinked(x):
    if x > 0.0:
        return x**2
    return -x


print(kinked(1.0), kinked(-1.0), kinked(3.0))
print(kinked.explain(1.0).splitlines()[3].strip())

# %% [markdown]
# Where there is no single value to decide by, as for the entries of a batch, it is an error:

# %%
try:
    ad.vmap(lambda x: x * float(x))(np.ones(3))
except ad.errors.ConcretizationError as error:
    print(error.what)

# %% [markdown]
# ## Derivatives of derivatives
#
# The adjoint is a program like the recording, so it can be differentiated in turn. For a function that works element by
# element, the gradient of the *sum* holds the derivative at each point: each point contributes to one term only.

# %%
first = ad.grad(lambda x: np.sum(wave(x)))
second = ad.grad(lambda x: np.sum(first(x)))

x = np.linspace(-8.0, 8.0, 801)
fig, ax = plt.subplots(figsize=(8, 4), layout="constrained")
ax.axhline(0.0, color="0.8", linewidth=1)
for y, label, style in [
    (wave(x), r"$f(x) = \sin(x)\,e^{-0.1 x^2}$", "-"),
    (first(x), r"$f'(x)$", "--"),
    (second(x), r"$f''(x)$", ":"),
]:
    ax.plot(x, y, style, label=label, linewidth=1.8)
ax.set(xlabel="x", xlim=(-8, 8), title="A function and its first two derivatives")
ax.legend(frameon=False)
plt.show()

# %% [markdown]
# Where $f$ has an extremum, $f'$ crosses zero; where $f'$ has one, $f''$ does. The second derivative agrees with the
# formula to rounding:

# %%
decay = np.exp(-0.1 * x**2)
by_hand = decay * ((0.04 * x**2 - 1.2) * np.sin(x) - 0.4 * x * np.cos(x))
print(f"largest difference {np.abs(second(x) - by_hand).max():.1e}")

# %% [markdown]
# ## Fitting a model to data
#
# The diabetes data that come with scikit-learn: ten measurements of 442 patients, and how far the disease had
# progressed a year later. `value_and_grad` returns what `scipy.optimize.minimize` wants with `jac=True`. We begin with
# a linear model, because there the answer is known:

# %%
from scipy.optimize import minimize
from sklearn.datasets import load_diabetes

features, progress = load_diabetes(return_X_y=True)
features = (features - features.mean(axis=0)) / features.std(axis=0)
progress = (progress - progress.mean()) / progress.std()
order = np.random.default_rng(0).permutation(len(progress))
train, test = order[:342], order[342:]


@ad.value_and_grad
def squared_error(w, x, y):
    return np.mean((x @ w - y) ** 2)


data = features[train], progress[train]
fit = minimize(squared_error, np.zeros(10), args=data, jac=True, tol=1e-9)
exact, *_ = np.linalg.lstsq(*data)
print(f"{fit.nit} iterations, error {fit.fun:.4f}")
print(f"largest difference from np.linalg.lstsq: {np.abs(fit.x - exact).max():.0e}")

# %% [markdown]
# Now a model without a formula for its solution: a network with eight hidden units, and a penalty on large weights.
# Only the function changes; the gradient with respect to all 97 parameters follows.

# %%
HIDDEN = 8


def network(p, x):
    w, b, v = p[: 10 * HIDDEN].reshape(10, HIDDEN), p[10 * HIDDEN : 11 * HIDDEN], p[11 * HIDDEN : -1]
    return np.tanh(x @ w + b) @ v + p[-1]


@ad.value_and_grad
def penalised(p, x, y, decay):
    return np.mean((network(p, x) - y) ** 2) + decay * np.sum(p**2)


start = 0.3 * np.random.default_rng(1).standard_normal(12 * HIDDEN + 1)
trained = minimize(penalised, start, args=(*data, 0.03), jac=True, method="L-BFGS-B")
print(f"{trained.nit} iterations; {penalised.cache_info()}")

predictions = {"linear": features[test] @ fit.x, "network": network(trained.x, features[test])}
for name, predicted in predictions.items():
    explained = 1 - np.mean((predicted - progress[test]) ** 2) / progress[test].var()
    print(f"{name:8} explains {explained:.1%} of the variance in the test set")

# %% [markdown]
# On these data, which are nearly linear, the network gains little. What matters here is what it took: one decorated
# function, one compiled kernel, and an optimiser you already knew.
#
# To go on: `make demo` trains a digit classifier with both front doors, and `autodiff/ARCHITECTURE.md` describes the
# inside.
