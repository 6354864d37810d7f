"""Steps through time: recurrent networks, filters, models with a hidden state."""

import numpy as np

from programs.zoo import WRITES, program, sample

X = sample(121, 10, 3)
PARAMETERS = {"w": 0.5 * sample(122, 3, 4), "u": 0.5 * sample(123, 4, 4), "b": 0.1 * sample(124, 4)}
GATES = {"w": 0.5 * sample(125, 3, 16), "u": 0.5 * sample(126, 4, 16), "b": 0.1 * sample(127, 16)}


def sigmoid(z):
    return 1.0 / (1.0 + np.exp(-z))


def lstm_cell(parameters, x, h, c):
    z = x @ parameters["w"] + h @ parameters["u"] + parameters["b"]
    i, f, o = sigmoid(z[:4]), sigmoid(z[4:8]), sigmoid(z[8:12])
    c = f * c + i * np.tanh(z[12:])
    return o * np.tanh(c), c


@program(PARAMETERS, X)
def recurrent_network(parameters, x):
    h = np.zeros(4)
    for row in x:
        h = np.tanh(row @ parameters["w"] + h @ parameters["u"] + parameters["b"])
    return np.sum(h**2)


@program(PARAMETERS, X, no_tape=WRITES)
def recurrent_network_keeps_its_states(parameters, x):
    states = np.zeros((len(x) + 1, 4))
    for t in range(len(x)):
        states[t + 1] = np.tanh(x[t] @ parameters["w"] + states[t] @ parameters["u"] + parameters["b"])
    return np.mean(states[1:] ** 2) + states[5, 2]


@program(GATES, X)
def lstm(parameters, x):
    h, c = np.zeros(4), np.zeros(4)
    loss = 0.0
    for t in range(x.shape[0]):
        h, c = lstm_cell(parameters, x[t], h, c)
        loss += np.sum((h[:3] - x[t]) ** 2)
    return loss / x.shape[0]


@program(PARAMETERS, 0.5 * sample(128, 7, 4), X)
def gated_unit(parameters, gate, x):
    h = np.zeros(4)
    for row in x:
        z = sigmoid(np.concatenate((row, h)) @ gate)
        h = z * h + (1.0 - z) * np.tanh(row @ parameters["w"] + h @ parameters["u"])
    return np.sum(h * np.arange(4.0))


@program(PARAMETERS, X)
def both_directions(parameters, x):
    forward, backward = np.zeros(4), np.zeros(4)
    for row in x:
        forward = np.tanh(row @ parameters["w"] + forward @ parameters["u"])
    for row in x[::-1]:
        backward = np.tanh(row @ parameters["w"] + backward @ parameters["u"])
    return forward @ backward


@program(PARAMETERS, X, np.array([True] * 6 + [False] * 4))
def padded_sequence(parameters, x, valid):
    h = np.ones(4)
    for row, v in zip(x, valid):
        new = np.tanh(row @ parameters["w"] + h @ parameters["u"] + parameters["b"])
        h = np.where(v, new, h)
    return np.sum(h)


@program(sample(129, 15), 0.3, 0.5)
def scalar_kalman_filter(y, q, r):
    mean, variance, likelihood = 0.0, 1.0, 0.0
    for observed in y:
        variance = variance + q
        s = variance + r
        gain = variance / s
        error = observed - mean
        likelihood -= 0.5 * (np.log(s) + error**2 / s)
        mean += gain * error
        variance *= 1.0 - gain
    return likelihood


@program(sample(130, 10), np.array([[1.0, 0.1], [-0.1, 0.95]]), 0.2)
def kalman_filter(y, a, r):
    h = np.array([1.0, 0.3])
    mean, p = np.zeros(2), np.eye(2)
    total = 0.0
    for k in range(len(y)):
        mean = a @ mean
        p = a @ p @ a.T + 0.05 * np.eye(2)
        s = h @ p @ h + r
        gain = p @ h / s
        error = y[k] - h @ mean
        mean = mean + gain * error
        p = p - np.outer(gain, h @ p)
        total += np.log(s) + error**2 / s
    return 0.5 * total


@program(sample(131, 20), 0.1, 0.2, 0.6)
def garch(returns, omega, alpha, beta):
    variance, total = 0.5, 0.0
    for r in returns:
        total += np.log(variance) + r**2 / variance
        variance = omega + alpha * r**2 + beta * variance
    return total


@program(sample(132, 16), 0.6, 0.3)
def autoregressive_moving_average(y, phi, theta):
    shock, total = 0.0, 0.0
    for t in range(1, len(y)):
        shock = y[t] - phi * y[t - 1] - theta * shock
        total += shock**2
    return total


@program(sample(133, 16, low=0.0, high=2.0), 0.4, 0.2)
def holt_smoothing(y, a, b):
    level, trend, total = y[0], y[1] - y[0], 0.0
    for v in y[2:]:
        error = v - level - trend
        total += error * error
        level, trend = level + trend + a * error, trend + a * b * error
    return total


@program(sample(134, 9, 4), sample(135, 4))
def online_softmax(scores, query):
    top, total, output = -1e3, 0.0, np.zeros(4)
    for key in scores:
        s = key @ query
        new = np.maximum(top, s)
        shrink = np.exp(top - new)
        total = total * shrink + np.exp(s - new)
        output = output * shrink + np.exp(s - new) * key
        top = new
    return np.sum((output / total) ** 2)


@program(sample(136, 10), 0.8)
def hawkes_intensity(gaps, decay):
    excitation, total = 0.0, 0.0
    for gap in np.exp(gaps):
        excitation = (excitation + 0.5) * np.exp(-decay * gap)
        total += np.log(0.3 + excitation) - 0.3 * gap
    return total


@program(sample(137, 12), 1.5, 0.4, 0.1)
def controller(disturbance, kp, ki, kd):
    x, integral, before, cost = 1.0, 0.0, 1.0, 0.0
    for d in disturbance:
        integral += 0.1 * x
        u = -kp * x - ki * integral - kd * (x - before) / 0.1
        before = x
        if u > 1.0:
            u = 1.0
        elif u < -1.0:
            u = -1.0
        x = x + 0.1 * (u + 0.5 * x + d)
        cost += x**2 + 0.1 * u**2
    return cost


@program(0.4 * sample(138, 4, 4), sample(139, 4), 12)
def neural_equation(w, h, steps):
    for k in range(steps):
        h = h + 0.1 * np.tanh(w @ h) * np.cos(0.1 * k)
    return np.sum(h**2)


@program(sample(140, 30, 2), sample(141, 3, 2))
def clusters_by_stochastic_steps(points, centres):
    loss = 0.0
    for p in points:
        distance = np.sum((centres - p) ** 2, axis=1)
        share = np.exp(-distance) / np.sum(np.exp(-distance))
        centres = centres + 0.1 * share[:, None] * (p - centres)
        loss += np.sum(share * distance)
    return loss
