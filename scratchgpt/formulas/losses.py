"""How wrong the model was, in nats per token.

Before this file: `softmax`. After it: cross-entropy fused with its softmax, whose gradient is the plainest in the
book: what the model said, minus what was so.
"""

import numpy as np

from ..pieces import by_rows


def cross_entropy(logits, targets, ignore_index=-100, label_smoothing=0.0):
    """Mean negative log-probability of the targets that count.

        loss = -1/n sum_t sum_v q_tv log p_tv       p = softmax(logits)
        q_tv = (1 - e) [v = target_t] + e / V       e = label_smoothing, n = number of targets that count

    logits           (..., V)  scores in nats
    targets          (...)     integers in [0, V); those equal to ignore_index do not count
    label_smoothing  in [0, 1), a probability
    returns loss () in nats per token, 0 where no target counts; and p (..., V), which the backward pass needs
    Source: Szegedy et al. 2015, arXiv:1512.00567, section 7, for the smoothing.
    """
    counts, n = _counted(targets, ignore_index, logits)
    losses, p = _token_losses(logits, np.where(counts, targets, 0)[..., None], label_smoothing)
    return np.where(counts, losses, 0).sum() / n, p


def _counted(targets, ignore_index, like):
    """Which targets count, and how many, but at least 1; the number stays on the device, in the dtype of the loss."""
    counts = targets != ignore_index
    return counts, np.maximum(counts.sum(), 1).astype(like.real.dtype)


@by_rows(core=1)
def _token_losses(logits, targets, label_smoothing):
    """-sum_v q_v log p_v for every row, and p; in the order that forms p in place."""
    p = logits - logits.max(axis=-1, keepdims=True)
    target_score = np.take_along_axis(p, targets, axis=-1)[..., 0]
    mean_score = p.mean(axis=-1) if label_smoothing else 0
    np.exp(p, out=p)
    z = p.sum(axis=-1, keepdims=True)
    p /= z
    log_z = np.log(z[..., 0])
    return log_z - (1 - label_smoothing) * target_score - label_smoothing * mean_score, p


def cross_entropy_backward(dloss, p, targets, ignore_index=-100, label_smoothing=0.0):
    """Gradient of `cross_entropy` by the logits.

        dlogits_tv = dloss (p_tv - q_tv) / n        for targets that count, else 0

    dloss ()    p (..., V) from the forward pass    targets (...)    returns (..., V), dtype of p
    d(-log p_y)/ds_v = p_v - [v = y], averaged over q, whose entries sum to one.
    Source: Bridle 1990, for softmax and logarithm in one; smoothing as in `cross_entropy`.
    """
    counts, n = _counted(targets, ignore_index, p)
    scale = (counts * (dloss / n)).reshape(-1, 1)                         # 0 where a target does not count
    dlogits = p.reshape(-1, p.shape[-1]) * scale                          # p_v, less e / V everywhere,
    if label_smoothing:
        dlogits -= scale * (label_smoothing / p.shape[-1])
    at = np.arange(len(dlogits), like=p), np.where(counts, targets, 0).reshape(-1)
    dlogits[at] -= scale[:, 0] * (1 - label_smoothing)                    # less 1 - e at the target
    return dlogits.reshape(p.shape)
