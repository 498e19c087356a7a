"""The learning rate as a function of the step: a short rise, then one of five ways down.

Before this file: nothing. After it: a schedule is a plain function `step -> lr`, step = 0, 1, ..., which the trainer
asks before each step. All rise linearly over the first `warmup` steps, lr (step + 1) / warmup, and reach lr at the
last of them. `warmup` is a number of steps, or, as a float below 1, a share of all steps.
"""

import math

from ..errors import ConfigError


def _with_warmup(lr, steps, warmup, after):
    """Check the sizes; warm up, then follow after(progress, step), a factor on lr, progress from 0 to 1."""
    if not lr >= 0 or steps is not None and steps < 1 or not warmup >= 0:
        raise ConfigError(f"a schedule needs lr >= 0, steps >= 1 and warmup >= 0; got {lr}, {steps}, {warmup}")
    if isinstance(warmup, float):
        if warmup >= 1 or steps is None:
            raise ConfigError(f"warmup as a share must be below 1, and steps be known; got {warmup}, steps={steps}")
        warmup = round(warmup * steps)

    def schedule(step):
        if step < warmup:
            return lr * (step + 1) / warmup
        progress = 0.0 if steps is None else min(1.0, (step - warmup) / max(1, steps - warmup))
        return lr * after(progress, step, warmup)
    return schedule


def _floor(lr, min_lr, steps=1):
    """min_lr as a share of lr; a schedule that falls to it must also know when."""
    if steps is None:
        raise ConfigError("a schedule that falls to min_lr needs to know how many steps there are; got steps=None")
    if not 0 <= min_lr <= lr:
        raise ConfigError(f"min_lr must be between 0 and lr; got min_lr={min_lr}, lr={lr}")
    return min_lr / lr if lr else 0.0


def constant(lr, steps=None, warmup=0):
    """lr_t = lr.

    lr per step    steps in all, needed only for warmup as a share    returns step -> lr
    Source: Robbins & Monro 1951, for what it lacks.
    """
    return _with_warmup(lr, steps, warmup, lambda progress, step, warm: 1.0)


def linear(lr, steps, warmup=0, min_lr=0.0):
    """lr_t = min_lr + (lr - min_lr) (1 - x), x = (t - warmup) / (steps - warmup).

    lr, min_lr per step    steps in all; later ones stay at min_lr    returns step -> lr
    Source: Devlin et al. 2018, arXiv:1810.04805, appendix A.2.
    """
    low = _floor(lr, min_lr, steps)
    return _with_warmup(lr, steps, warmup, lambda progress, step, warm: low + (1 - low) * (1 - progress))


def cosine(lr, steps, warmup=0, min_lr=0.0):
    """lr_t = min_lr + (lr - min_lr) (1 + cos(pi x)) / 2, x = (t - warmup) / (steps - warmup).

    lr, min_lr per step    steps in all; later ones stay at min_lr    returns step -> lr
    Source: Loshchilov & Hutter 2016, arXiv:1608.03983, equation 5, without restarts.
    """
    low = _floor(lr, min_lr, steps)
    return _with_warmup(lr, steps, warmup,
                        lambda progress, step, warm: low + (1 - low) * (1 + math.cos(math.pi * progress)) / 2)


def inverse_sqrt(lr, steps=None, warmup=4000, min_lr=0.0):
    """lr_t = lr min((t + 1) / warmup, sqrt(warmup / (t + 1))): the Transformer's own, lr being its peak.

    The paper's C^-0.5 min(s^-0.5, s warmup^-1.5), s = t + 1, has its peak (C warmup)^-0.5 at s = warmup.
    lr, min_lr per step    warmup at least 1 step    returns step -> lr
    Source: Vaswani et al. 2017, arXiv:1706.03762, equation 3.
    """
    low = _floor(lr, min_lr)
    if not warmup > 0:
        raise ConfigError(f"the inverse square root falls from its warmup on: warmup must be > 0; got {warmup}")
    return _with_warmup(lr, steps, warmup, lambda progress, step, warm: max(low, math.sqrt(max(1, warm) / (step + 1))))


def warmup_stable_decay(lr, steps, warmup=0, min_lr=0.0, decay=0.2):
    """lr_t = lr, then over the last share `decay` of the steps after the warmup in a straight line to min_lr.

    lr, min_lr per step    decay in (0, 1]    returns step -> lr
    Source: Hu et al. 2024, arXiv:2404.06395, section 4; the straight line, Haegele et al. 2024, arXiv:2405.18392.
    """
    low = _floor(lr, min_lr, steps)
    if not 0 < decay <= 1:
        raise ConfigError(f"decay must be a share of the steps in (0, 1]; got {decay}")
    return _with_warmup(lr, steps, warmup,
                        lambda progress, step, warm: low + (1 - low) * min(1.0, (1 - progress) / decay))


SCHEDULES = {"constant": constant, "linear": linear, "cosine": cosine, "inverse-sqrt": inverse_sqrt,
             "wsd": warmup_stable_decay}
