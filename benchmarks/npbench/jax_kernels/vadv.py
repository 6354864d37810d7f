import jax.numpy as jnp
from jax import lax


def kernel(utens_stage, u_stage, wcon, u_pos, utens, dtr_stage):
    utens_stage, u_stage, wcon, u_pos, utens = (
        jnp.moveaxis(x, 2, 0) for x in (utens_stage, u_stage, wcon, u_pos, utens)
    )
    mean = 0.25 * (wcon[:, 1:] + wcon[:, :-1])
    none = jnp.zeros_like(mean[:1])
    gav = jnp.concatenate([none, -mean[1:]])
    gcv = jnp.concatenate([mean[1:], none])
    down, up = jnp.roll(u_stage, 1, 0) - u_stage, jnp.roll(u_stage, -1, 0) - u_stage
    acol, ccol = 0.5 * gav, 0.5 * gcv
    bcol = dtr_stage - acol - ccol
    dcol = dtr_stage * u_pos + utens + utens_stage - 0.5 * gav * down - 0.5 * gcv * up

    def forward(before, now):
        (c, d), (a, b, c_now, d_now) = before, now
        divided = 1.0 / (b - c * a)
        after = c_now * divided, (d_now - d * a) * divided
        return after, after

    def backward(x, now):
        x = now[1] - now[0] * x
        return x, x

    _, columns = lax.scan(forward, (none[0], none[0]), (acol, bcol, ccol, dcol))
    _, x = lax.scan(backward, none[0], columns, reverse=True)
    return (jnp.moveaxis(dtr_stage * (x - u_pos), 0, 2),)
