from jax import lax


def relax(A, B):
    mean = 0.2 * (A[1:-1, 1:-1] + A[1:-1, :-2] + A[1:-1, 2:] + A[2:, 1:-1] + A[:-2, 1:-1])
    return B.at[1:-1, 1:-1].set(mean)


def kernel(TSTEPS, A, B):
    def step(_, state):
        A, B = state
        B = relax(A, B)
        return relax(B, A), B

    return lax.fori_loop(1, TSTEPS, step, (A, B))
