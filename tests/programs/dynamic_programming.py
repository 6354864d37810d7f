"""Tables filled cell by cell: alignments, paths, partition functions."""

import numpy as np

from programs.zoo import WRITES, program, sample

SCORES = sample(71, 11, 4, low=-2.0, high=2.0)
MOVES = sample(72, 4, 4)
A, B = sample(73, 9), sample(74, 10)


@program(SCORES, MOVES)
def viterbi(scores, moves):
    best = scores[0]
    for t in range(1, scores.shape[0]):
        best = np.max(best[:, None] + moves, axis=0) + scores[t]
    return np.max(best)


@program(SCORES, MOVES, no_tape=WRITES)
def viterbi_with_path(scores, moves):
    n, states = scores.shape
    best = np.zeros((n, states))
    came_from = np.zeros((n, states), dtype=int)
    best[0] = scores[0]
    for t in range(1, n):
        for s in range(states):
            reach = best[t - 1] + moves[:, s]
            came_from[t, s] = np.argmax(reach)
            best[t, s] = np.max(reach) + scores[t, s]
    state = np.argmax(best[n - 1])
    total = best[n - 1, state]
    for t in range(n - 1, 0, -1):
        state = came_from[t, state]
        total += 0.1 * scores[t - 1, state] ** 2
    return total


@program(SCORES, MOVES)
def forward_algorithm(scores, moves):
    alpha = np.exp(scores[0])
    log_scale = 0.0
    for t in range(1, scores.shape[0]):
        alpha = (alpha @ np.exp(moves)) * np.exp(scores[t])
        size = np.sum(alpha)
        alpha = alpha / size
        log_scale += np.log(size)
    return log_scale


@program(SCORES, MOVES)
def forward_algorithm_in_logs(scores, moves):
    alpha = scores[0]
    for t in range(1, scores.shape[0]):
        reach = alpha[:, None] + moves
        top = np.max(reach, axis=0)
        alpha = top + np.log(np.sum(np.exp(reach - top), axis=0)) + scores[t]
    return np.logaddexp(np.logaddexp(alpha[0], alpha[1]), np.logaddexp(alpha[2], alpha[3]))


@program(A, B, no_tape=WRITES)
def time_warping(a, b):
    n, m = len(a), len(b)
    d = np.full((n + 1, m + 1), 1e3)
    d[0, 0] = 0.0
    for i in range(1, n + 1):
        for j in range(1, m + 1):
            cost = (a[i - 1] - b[j - 1]) ** 2
            d[i, j] = cost + min(d[i - 1, j], d[i, j - 1], d[i - 1, j - 1])
    return d[n, m]


@program(A, B, 0.5, no_tape=WRITES)
def soft_time_warping(a, b, gamma):
    n, m = len(a), len(b)
    d = np.full((n + 1, m + 1), 1e3)
    d[0, 0] = 0.0
    for i in range(1, n + 1):
        for j in range(1, m + 1):
            x, y, z = d[i - 1, j], d[i, j - 1], d[i - 1, j - 1]
            low = np.minimum(np.minimum(x, y), z)
            total = np.exp((low - x) / gamma) + np.exp((low - y) / gamma) + np.exp((low - z) / gamma)
            d[i, j] = (a[i - 1] - b[j - 1]) ** 2 + low - gamma * np.log(total)
    return d[n, m]


@program(A, B, 0.7, no_tape=WRITES)
def edit_distance(a, b, gap):
    n, m = len(a), len(b)
    table = np.zeros((n + 1, m + 1))
    for i in range(n + 1):
        table[i, 0] = i * gap
    for j in range(m + 1):
        table[0, j] = j * gap
    for i in range(1, n + 1):
        for j in range(1, m + 1):
            change = table[i - 1, j - 1] + abs(a[i - 1] - b[j - 1])
            skip = min(table[i - 1, j], table[i, j - 1]) + gap
            table[i, j] = change if change < skip else skip
    return table[-1, -1]


@program(A, B, no_tape=WRITES)
def local_alignment(a, b):
    previous = np.zeros(11)
    best = 0.0
    for i in range(9):
        current = np.zeros(11)
        for j in range(10):
            match = previous[j] + 0.6 - (a[i] - b[j]) ** 2
            score = max(0.0, match, previous[j + 1] - 0.3, current[j] - 0.3)
            current[j + 1] = score
            if score > best:
                best = score
        previous = current
    return best**2


@program(sample(75, 9, low=0.5, high=2.0), np.array([3, 5, 2, 7, 4, 1, 6, 3, 2]), no_tape=WRITES)
def knapsack(values, weights):
    best = np.zeros(16)
    for k in range(len(values)):
        for room in range(15, weights[k] - 1, -1):
            best[room] = max(best[room], best[room - weights[k]] + values[k])
    return best[15]


@program(sample(76, 10, 10, low=0.1, high=2.0))
def floyd_warshall(d):
    for k in range(10):
        d = np.minimum(d, d[:, k][:, None] + d[k, :][None, :])
    return np.sum(d**2)


@program(sample(77, 16, low=0.1, high=2.0), np.arange(16) % 6, (np.arange(16) * 5 + 1) % 6, no_tape=WRITES)
def bellman_ford(lengths, tails, heads):
    distance = np.full(6, 100.0)
    distance[0] = 0.0
    for _ in range(9):
        for k in range(16):
            offer = distance[tails[k]] + lengths[k]
            if offer < distance[heads[k]]:
                distance[heads[k]] = offer
    return np.sum(distance)


@program(sample(78, 10, low=1.0, high=3.0), no_tape=WRITES)
def matrix_chain(sizes):
    n = 9
    cost = np.zeros((n, n))
    for length in range(1, n):
        for i in range(n - length):
            j = i + length
            best = 1e9
            for k in range(i, j):
                best = min(best, cost[i, k] + cost[k + 1, j] + sizes[i] * sizes[k + 1] * sizes[j + 1])
            cost[i, j] = best
    return cost[0, n - 1]


@program(sample(79, 9, 9), no_tape=WRITES)
def inside_algorithm(weights):
    chart = np.zeros((9, 9))
    for i in range(9):
        chart[i, i] = np.exp(weights[i, i])
    for span in range(1, 9):
        for i in range(9 - span):
            j = i + span
            total = 0.0
            for k in range(i, j):
                total += chart[i, k] * chart[k + 1, j]
            chart[i, j] = total * np.exp(weights[i, j]) * 0.3
    return np.log(chart[0, 8])


@program(sample(80, 12, 4), np.array([1, 2, 2, 3]), no_tape=WRITES)
def connectionist_paths(logits, labels):
    alpha = np.full(9, -50.0)
    alpha[0] = logits[0, 0]
    alpha[1] = logits[0, labels[0]]
    for t in range(1, 12):
        new = np.full(9, -50.0)
        for s in range(9):
            symbol = labels[s // 2] if s % 2 == 1 else 0
            reach = alpha[s]
            if s > 0:
                reach = np.logaddexp(reach, alpha[s - 1])
            if s > 2 and s % 2 == 1 and labels[s // 2] != labels[s // 2 - 1]:
                reach = np.logaddexp(reach, alpha[s - 2])
            new[s] = reach + logits[t, symbol]
        alpha = new
    return np.logaddexp(alpha[7], alpha[8])


@program(sample(81, 9, 10), no_tape=WRITES)
def cheapest_descent(terrain):
    cost = terrain[0]
    for i in range(1, 9):
        new = np.zeros(10)
        for j in range(10):
            low, high = max(0, j - 1), min(9, j + 1)
            new[j] = terrain[i, j] + np.min(np.array([cost[low], cost[j], cost[high]]))
        cost = new
    return np.min(cost)


@program(sample(82, 14, low=-1.0, high=1.0))
def largest_sum_of_a_run(x):
    best, here = x[0], x[0]
    for v in x[1:]:
        here = max(v, here + v)
        best = max(best, here)
    return best**2


@program(sample(83, 10, low=0.1, high=0.9), no_tape=WRITES)
def poisson_binomial(p):
    counts = np.zeros(11)
    counts[0] = 1.0
    for k in range(10):
        for c in range(k + 1, 0, -1):
            counts[c] = counts[c] * (1.0 - p[k]) + counts[c - 1] * p[k]
        counts[0] *= 1.0 - p[k]
    return np.sum(counts * np.arange(11.0) ** 2) + counts[4]
