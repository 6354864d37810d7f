import jax.numpy as jnp


def kernel(in_field, out_field, coeff):
    lap = 4.0 * in_field[1:-1, 1:-1] - (
        in_field[2:, 1:-1] + in_field[:-2, 1:-1] + in_field[1:-1, 2:] + in_field[1:-1, :-2]
    )
    middle = in_field[2:-2, 2:-2]
    res = lap[1:, 1:-1] - lap[:-1, 1:-1]
    flx = jnp.where(res * (in_field[2:-1, 2:-2] - in_field[1:-2, 2:-2]) > 0, 0, res)
    res = lap[1:-1, 1:] - lap[1:-1, :-1]
    fly = jnp.where(res * (in_field[2:-2, 2:-1] - in_field[2:-2, 1:-2]) > 0, 0, res)
    return (middle - coeff * (flx[1:] - flx[:-1] + fly[:, 1:] - fly[:, :-1]),)
