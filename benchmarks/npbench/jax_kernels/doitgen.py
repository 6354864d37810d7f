def kernel(NR, NQ, NP, A, C4):
    return (A @ C4,)
