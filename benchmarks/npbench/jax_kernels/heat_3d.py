from jax import lax


def relax(A, B):
    middle = A[1:-1, 1:-1, 1:-1]
    along_x = A[2:, 1:-1, 1:-1] - 2.0 * middle + A[:-2, 1:-1, 1:-1]
    along_y = A[1:-1, 2:, 1:-1] - 2.0 * middle + A[1:-1, :-2, 1:-1]
    along_z = A[1:-1, 1:-1, 2:] - 2.0 * middle + A[1:-1, 1:-1, :-2]
    return B.at[1:-1, 1:-1, 1:-1].set(0.125 * along_x + 0.125 * along_y + 0.125 * along_z + middle)


def kernel(TSTEPS, A, B):
    def step(_, state):
        A, B = state
        B = relax(A, B)
        return relax(B, A), B

    return lax.fori_loop(1, TSTEPS, step, (A, B))
