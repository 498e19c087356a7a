"""The formulas again, as the papers print them: one number at a time, in plain Python.

Before this file: nothing; it imports no formula, and no function here shares a line with one there. After it: a
constant that a formula and its gradient have in common, and so a gradient check cannot see, is seen. Slow on purpose.
"""

import cmath
import math

import numpy as np


def each(f, *arrays):
    """f of every number of equally shaped arrays."""
    y = np.empty(arrays[0].shape)
    for index in np.ndindex(y.shape):
        y[index] = f(*(float(x[index]) for x in arrays))
    return y


def each_row(f, x):
    """f of every row (C,) of x (..., C), rows being lists of Python floats."""
    y = np.empty(x.shape)
    for index in np.ndindex(x.shape[:-1]):
        y[index] = f([float(number) for number in x[index]])
    return y


# layers ---------------------------------------------------------------------------------------------------------------

def linear(x, W, b=None):
    """Goodfellow et al. 2016, section 6.5.6: y_j = sum_i x_i W_ij + b_j."""
    C_in, C_out = W.shape
    y = np.empty((*x.shape[:-1], C_out))
    for index in np.ndindex(x.shape[:-1]):
        for j in range(C_out):
            y[index][j] = math.fsum(x[index][i] * W[i, j] for i in range(C_in)) + (0 if b is None else b[j])
    return y


def embedding(ids, W):
    """Bengio et al. 2003: a one-hot row times W."""
    y = np.zeros((*ids.shape, W.shape[1]))
    for index in np.ndindex(ids.shape):
        for v in range(W.shape[0]):
            for c in range(W.shape[1]):
                y[index][c] += (1 if ids[index] == v else 0) * W[v, c]
    return y


def embedding_gradient(dy, ids, V):
    """dW_vc = sum_n [id_n = v] dy_nc."""
    dW = np.zeros((V, dy.shape[-1]))
    for index in np.ndindex(ids.shape):
        for c in range(dy.shape[-1]):
            dW[ids[index], c] += dy[index][c]
    return dW


def dropout(x, keep, p):
    """Srivastava et al. 2014, section 10: kept values are divided by the probability of being kept."""
    return each(lambda number, stays: number / (1 - p) if stays else 0.0, x, keep)


# activations ----------------------------------------------------------------------------------------------------------

def relu(x):
    """Nair & Hinton 2010."""
    return each(lambda x: x if x > 0 else 0.0, x)


def gelu(x):
    """Hendrycks & Gimpel 2016: x P(X <= x), X standard normal."""
    return each(lambda x: x * 0.5 * math.erfc(-x / math.sqrt(2)), x)


def gelu_tanh(x):
    """Hendrycks & Gimpel 2016: 0.5 x (1 + tanh[sqrt(2/pi) (x + 0.044715 x^3)])."""
    return each(lambda x: 0.5 * x * (1 + math.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x ** 3))), x)


def silu(x):
    """Elfwing et al. 2017."""
    return each(lambda x: x * _sigmoid(x), x)


def swiglu(g, u):
    """Shazeer 2020, equation 6: Swish_1(g) times u."""
    return each(lambda g, u: g * _sigmoid(g) * u, g, u)


def sigmoid(x):
    """Bridle 1990."""
    return each(_sigmoid, x)


def _sigmoid(x):
    return 1 / (1 + math.exp(-x)) if x >= 0 else math.exp(x) / (1 + math.exp(x))


# softmax and losses ---------------------------------------------------------------------------------------------------

def softmax(s):
    """Bridle 1990: e^s_i / sum_j e^s_j; the largest score is taken out of both, so that neither overflows."""
    return each_row(_softmax, s)


def log_softmax(s):
    """ln of `softmax`."""
    return each_row(lambda row: [score - _log_sum_exp(row) for score in row], s)


def _softmax(row):
    top = max(row)
    if top == -math.inf:
        return [0.0] * len(row)
    total = math.fsum(math.exp(score - top) for score in row)
    return [math.exp(score - top) / total for score in row]


def _log_sum_exp(row):
    top = max(row)
    return top + math.log(math.fsum(math.exp(score - top) for score in row))


def cross_entropy(logits, targets, ignore_index=-100, label_smoothing=0.0):
    """Szegedy et al. 2015, section 7: H(q, p), q = (1 - e) [v = y] + e / V, averaged over the targets that count."""
    losses, V = [], logits.shape[-1]
    for index in np.ndindex(targets.shape):
        if targets[index] == ignore_index:
            continue
        row = [float(score) for score in logits[index]]
        losses.append(0.0)
        for v in range(V):
            q = (1 - label_smoothing if v == targets[index] else 0.0) + label_smoothing / V
            losses[-1] -= q * (row[v] - _log_sum_exp(row)) if q else 0.0
    return math.fsum(losses) / len(losses) if losses else 0.0


# norms ----------------------------------------------------------------------------------------------------------------

def layer_norm(x, weight, bias, eps):
    """Ba et al. 2016."""
    def row_norm(row):
        mean = math.fsum(row) / len(row)
        variance = math.fsum((number - mean) ** 2 for number in row) / len(row)
        return [w * (number - mean) / math.sqrt(variance + eps) + b for number, w, b in zip(row, weight, bias)]
    return each_row(row_norm, x)


def rms_norm(x, weight, eps):
    """Zhang & Sennrich 2019."""
    def row_norm(row):
        rms = math.sqrt(math.fsum(number ** 2 for number in row) / len(row) + eps)
        return [w * number / rms for number, w in zip(row, weight)]
    return each_row(row_norm, x)


def batch_norm(x, weight, bias, eps):
    """Ioffe & Szegedy 2015, algorithm 1, one channel at a time; also the mean and variance of each channel."""
    y, means, variances = np.empty(x.shape), [], []
    for c in range(x.shape[-1]):
        column = [float(number) for number in x[..., c].flat]
        means.append(math.fsum(column) / len(column))
        variances.append(math.fsum((number - means[c]) ** 2 for number in column) / len(column))
        for index in np.ndindex(x.shape[:-1]):
            y[index][c] = weight[c] * (x[index][c] - means[c]) / math.sqrt(variances[c] + eps) + bias[c]
    return y, np.array(means), np.array(variances)


# attention and positions ----------------------------------------------------------------------------------------------

def attention(q, k, v, mask=None, dropped=None):
    """Vaswani et al. 2017, equation 1, one query at a time, over the keys that it may see; returns o and p."""
    *lead, T, D = q.shape
    S = k.shape[-2]
    mask = np.broadcast_to(True if mask is None else mask, (*lead, T, S))
    o, p = np.zeros(q.shape[:-1] + v.shape[-1:]), np.zeros((*lead, T, S))
    for index in np.ndindex(*lead, T):
        batch = index[:-1]
        seen = [s for s in range(S) if mask[index][s]]
        scores = [math.fsum(q[index][d] * k[batch][s, d] for d in range(D)) / math.sqrt(D) for s in seen]
        for s, weight in zip(seen, _softmax(scores) if seen else []):
            p[index][s] = weight
            o[index] += weight * (1 if dropped is None else dropped[index][s]) * v[batch][s]
    return o, p


def causal_mask(T, S, window=None):
    """Vaswani et al. 2017, section 3.2.3: query t is token number S - T + t, and sees no later one.

    Beltagy et al. 2020, section 3.1: with a window, itself and the window - 1 tokens before it.
    """
    def seen(token):
        return range(0 if window is None else max(0, token - window + 1), token + 1)
    return np.array([[s in seen(S - T + t) for s in range(S)] for t in range(T)], bool).reshape(T, S)


def padding_mask(attention_mask):
    """Where a key is a word: one row of booleans per sentence, for all its heads and queries."""
    return np.array([[[[bool(word) for word in sentence]]] for sentence in attention_mask], bool)


def sinusoidal_positions(T, C, offset=0):
    """Vaswani et al. 2017, section 3.5."""
    table = np.empty((T, C))
    for t in range(T):
        for i in range(C // 2):
            table[t, 2 * i] = math.sin((offset + t) / 10000 ** (2 * i / C))
            table[t, 2 * i + 1] = math.cos((offset + t) / 10000 ** (2 * i / C))
    return table


def repeat_heads(k, G):
    """Ainslie et al. 2023, section 2.2: query heads 0 .. G - 1 read key head 0, the next G read key head 1, ..."""
    B, K, S, D = k.shape
    y = np.empty((B, G * K, S, D))
    for b, head, s, d in np.ndindex(y.shape):
        y[b, head, s, d] = k[b, head // G, s, d]
    return y


def grouped_attention(q, k, v, mask=None):
    """`attention` where k and v have fewer heads than q."""
    G = q.shape[1] // k.shape[1]
    return attention(q, repeat_heads(k, G), repeat_heads(v, G), mask)


# rotary positions -----------------------------------------------------------------------------------------------------

def rotate(x, positions, w, scale=1.0):
    """Su et al. 2021, equation 16: a pair of channels is a complex number, and is multiplied by e^(i p w).

    x (B, T, H, D), channel i being paired with i + D/2    positions (B, T)    w (D/2,), or (B, D/2) for every row
    """
    y, half = np.empty(x.shape), x.shape[-1] // 2
    for b, t, h in np.ndindex(x.shape[:3]):
        for i in range(half):
            angle = float(positions[b][t]) * float(w[b][i] if np.ndim(w) == 2 else w[i])
            turned = complex(x[b, t, h, i], x[b, t, h, half + i]) * cmath.exp(1j * angle) * scale
            y[b, t, h, i], y[b, t, h, half + i] = turned.real, turned.imag
    return y


def rotary_frequencies(D, theta):
    """Su et al. 2021, equation 15: theta_i = 10000^(-2 (i - 1) / d), i = 1 .. d/2."""
    return np.array([1 / theta ** (2 * (i - 1) / D) for i in range(1, D // 2 + 1)])


def linear_frequencies(D, theta, factor):
    """Chen et al. 2023, equation 4: position m is read as m L / L'."""
    return np.array([1 / factor * w for w in rotary_frequencies(D, theta)])


def dynamic_frequencies(D, theta, factor, length, trained):
    """emozilla 2023: base ((factor l / L) - (factor - 1))^(d / (d - 2)), once the text is longer than L."""
    if length > trained:
        theta = theta * ((factor * length / trained) - (factor - 1)) ** (D / (D - 2))
    return rotary_frequencies(D, theta)


def llama3_frequencies(D, theta, factor, low_freq_factor, high_freq_factor, trained):
    """The code of Llama 3.1, by wavelength."""
    found = []
    for w in rotary_frequencies(D, theta):
        wavelength = 2 * math.pi / w
        if wavelength < trained / high_freq_factor:
            found.append(w)
        elif wavelength > trained / low_freq_factor:
            found.append(w / factor)
        else:
            smooth = (trained / wavelength - low_freq_factor) / (high_freq_factor - low_freq_factor)
            found.append((1 - smooth) * w / factor + smooth * w)
    return np.array(found)


def yarn_frequencies(D, theta, factor, trained, beta_fast=32, beta_slow=1, truncate=True):
    """Peng et al. 2023, the authors' code: the pair that makes `beta` turns, and a ramp from one pair to another."""
    def pair_that_turns(times):
        return D * math.log(trained / (times * 2 * math.pi)) / (2 * math.log(theta))
    low, high = pair_that_turns(beta_fast), pair_that_turns(beta_slow)
    if truncate:
        low, high = math.floor(low), math.ceil(high)
    low, high, found = max(low, 0), min(high, D - 1), []
    if low == high:
        high += 0.001
    for i, w in enumerate(rotary_frequencies(D, theta)):
        stretched = min(1, max(0, (i - low) / (high - low)))
        found.append(w / factor * stretched + w * (1 - stretched))
    return np.array(found)


def yarn_attention_factor(factor):
    """Peng et al. 2023, equation 22: sqrt(1/t) = 0.1 ln(s) + 1."""
    return 0.1 * math.log(factor) + 1 if factor > 1 else 1.0


# the Transformer's layers, on one sentence x (T, C); weights are {name: array} ----------------------------------------

def multi_head_attention(x, memory, w, heads, may_see):
    """Vaswani et al. 2017, section 3.2.2: Concat(head_1, ..., head_h) W^O.

    head_i = Attention(x W_i^Q, m W_i^K, m W_i^V), m the memory.    may_see(t, s): whether query t may look at key s.
    """
    mask = np.array([[bool(may_see(t, s)) for s in range(len(memory))] for t in range(len(x))])
    d_k, concatenated = x.shape[1] // heads, []
    for i in range(heads):
        own = slice(i * d_k, (i + 1) * d_k)
        q = linear(x, w["W_q"][:, own], w["b_q"][own])
        k = linear(memory, w["W_k"][:, own], w["b_k"][own])
        v = linear(memory, w["W_v"][:, own], w["b_v"][own])
        concatenated.append(attention(q, k, v, mask)[0])
    return linear(np.concatenate(concatenated, axis=1), w["W_o"], w["b_o"])


def feed_forward(x, w):
    """Vaswani et al. 2017, equation 2: max(0, x W_1 + b_1) W_2 + b_2."""
    return linear(relu(linear(x, w["W_1"], w["b_1"])), w["W_2"], w["b_2"])


def encoder_layer(x, words, w, heads, eps):
    """Vaswani et al. 2017, section 3.1: LayerNorm(x + Sublayer(x)) of two sublayers. words[s]: s is no padding."""
    x = layer_norm(x + multi_head_attention(x, x, w["self"], heads, lambda t, s: words[s]), *w["norm1"], eps)
    return layer_norm(x + feed_forward(x, w["mlp"]), *w["norm2"], eps)


def decoder_layer(y, words, memory, memory_words, w, heads, eps):
    """The same of three: the first sees no later word, the second the encoder's output. words as in `encoder_layer`."""
    y = layer_norm(y + multi_head_attention(y, y, w["self"], heads, lambda t, s: words[s] and s <= t), *w["norm1"], eps)
    over_memory = multi_head_attention(y, memory, w["cross"], heads, lambda t, s: memory_words[s])
    y = layer_norm(y + over_memory, *w["norm2"], eps)
    return layer_norm(y + feed_forward(y, w["mlp"]), *w["norm3"], eps)


# optimisers: the path of one weight w under the gradients g_1, g_2, ..., as a list of the values it takes -------------

def sgd(w, gradients, lr, momentum=0.0, nesterov=False, weight_decay=0.0):
    """Sutskever et al. 2013 with the momentum buffer of PyTorch's documentation."""
    path, b = [], None
    for g in gradients:
        g = g + weight_decay * w
        b = g if b is None else momentum * b + g
        w = w - lr * (g + momentum * b if nesterov else b)
        path.append(w)
    return path


def adam(w, gradients, lr, betas, eps, weight_decay=0.0):
    """Kingma & Ba 2014, algorithm 1; the decay is part of the gradient."""
    (b1, b2), m, v, path = betas, 0.0, 0.0, []
    for t, g in enumerate(gradients, 1):
        g = g + weight_decay * w
        m = b1 * m + (1 - b1) * g
        v = b2 * v + (1 - b2) * g ** 2
        w = w - lr * (m / (1 - b1 ** t)) / (math.sqrt(v / (1 - b2 ** t)) + eps)
        path.append(w)
    return path


def adamw(w, gradients, lr, betas, eps, weight_decay):
    """Loshchilov & Hutter 2017, algorithm 2, its lambda being lr weight_decay; the decay is no part of the gradient."""
    (b1, b2), m, v, path = betas, 0.0, 0.0, []
    for t, g in enumerate(gradients, 1):
        m = b1 * m + (1 - b1) * g
        v = b2 * v + (1 - b2) * g ** 2
        w = w - lr * ((m / (1 - b1 ** t)) / (math.sqrt(v / (1 - b2 ** t)) + eps) + weight_decay * w)
        path.append(w)
    return path


def clip(gradients, max_norm):
    """Pascanu et al. 2012, algorithm 1, with PyTorch's 1e-6: scaled copies of the gradients, and their norm."""
    norm = math.sqrt(math.fsum(float(number) ** 2 for g in gradients for number in g.flat))
    factor = max_norm / (norm + 1e-6) if norm > max_norm else 1.0
    return [each(lambda number: number * factor, g) for g in gradients], norm


# schedules: the learning rate of step t = 0, 1, ... -------------------------------------------------------------------

def _warm(t, lr, warmup, after):
    return lr * (t + 1) / warmup if t < warmup else after(t)


def constant(t, lr, warmup=0):
    """One rate."""
    return _warm(t, lr, warmup, lambda t: lr)


def linear_schedule(t, lr, steps, warmup=0, min_lr=0.0):
    """Devlin et al. 2018: a straight line from (warmup, lr) to (steps, min_lr)."""
    return _warm(t, lr, warmup, lambda t: lr + (min_lr - lr) * min(1, (t - warmup) / (steps - warmup)))


def cosine(t, lr, steps, warmup=0, min_lr=0.0):
    """Loshchilov & Hutter 2016, equation 5: half a cosine from (warmup, lr) to (steps, min_lr)."""
    return _warm(t, lr, warmup, lambda t: min_lr + 0.5 * (lr - min_lr)
                 * (1 + math.cos(math.pi * (min(t, steps) - warmup) / (steps - warmup))))


def noam(t, C, warmup):
    """Vaswani et al. 2017, equation 3, with its step_num = t + 1."""
    return C ** -0.5 * min((t + 1) ** -0.5, (t + 1) * warmup ** -1.5)


def warmup_stable_decay(t, lr, steps, warmup=0, min_lr=0.0, decay=0.2):
    """Hu et al. 2024: flat until the decay begins, then a straight line to (steps, min_lr)."""
    begin = steps - decay * (steps - warmup)
    return _warm(t, lr, warmup,
                 lambda t: lr if t <= begin else lr + (min_lr - lr) * (min(t, steps) - begin) / (steps - begin))
