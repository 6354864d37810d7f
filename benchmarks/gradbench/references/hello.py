"""hello: asked four times for the square of x, and for the derivative at that square, which is the next x."""

VALUE, DERIVATIVES = "square", ("double",)
SIZES = DEFAULT = TINY = ((1,), (2,), (8,), (128,))


def make(size, random):
    (x,) = size
    return float(x)


def expected(function, given):
    return given * given if function == "square" else 2.0 * given
