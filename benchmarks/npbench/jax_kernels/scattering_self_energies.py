import jax.numpy as jnp


def kernel(neigh_idx, dH, G, D, Sigma):
    for w in range(D.shape[1]):
        dHG = jnp.einsum("keabmn,abinp->keabimp", G[:, : G.shape[1] - w, neigh_idx], dH)
        dHD = jnp.einsum("abjmn,qabij->abimn", dH, D[:, w])
        Sigma = Sigma.at[:, w:].add(jnp.einsum("keabimn,abinp->keamp", dHG, dHD))
    return (Sigma,)
