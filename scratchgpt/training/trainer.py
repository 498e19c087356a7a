"""Training: batches -> loss -> backward -> clip -> step, again and again.

Before this file: `models`, `optim`, `text`. After it: the reader has seen the whole road from text to weights.
"""

import math
import time
from dataclasses import dataclass

import numpy as np

from .. import backend
from ..errors import ConfigError, TrainingError
from ..inputs import check_whole
from ..optim import clip_grad_norm, grad_norm


@dataclass(frozen=True)
class TrainingConfig:
    """How long, and how carefully.

    accumulate  batches for one step             clip             the largest gradient norm, 0 for no clipping
    eval_every  steps between evaluations        label_smoothing  of the loss that is trained on, in [0, 1)
    """

    steps: int = 2000
    accumulate: int = 1
    clip: float = 1.0
    eval_every: int = 250
    label_smoothing: float = 0.0

    def __post_init__(self):
        for name in ("steps", "accumulate", "eval_every"):
            check_whole(name, getattr(self, name), 1, ConfigError)
        if not self.clip >= 0:
            raise ConfigError(f"clip must be a norm > 0, or 0 for none; got {self.clip}")
        if not 0 <= self.label_smoothing < 1:
            raise ConfigError(f"label_smoothing must be in [0, 1); got {self.label_smoothing}")


class Trainer:
    """A run: a model, its optimizer, its data, one generator for all that is random, and how far it has come.

    data       batch(rng) -> (what model.loss takes, how many targets count) and evaluate(model, whole) -> Evaluation:
               TextData, PairData, or another object that has the two
    schedule   step -> lr
    rng        numpy.random.Generator; it draws the batches and the dropout
    After `step` steps, `state_dict` holds all that the rest of the run depends on.
    """

    def __init__(self, model, optimizer, schedule, data, config, rng):
        self.model, self.optimizer, self.schedule = model, optimizer, schedule
        self.data, self.config, self.rng = data, config, rng
        self.step_count = 0
        self.history = []                      # a dict for every evaluation: step, lr, losses, norm, tokens per second

    def step(self):
        """One step of the optimizer; returns (loss in nats per token, gradient norm before clipping, tokens).

        With accumulation, loss = sum of token losses / number of tokens over all batches, and so is its gradient.
        Raises TrainingError if loss or norm is not finite; the weights are then as they were.
        """
        config, parameters = self.config, self.optimizer.parameters
        batches = [self.data.batch(self.rng) for _ in range(config.accumulate)]
        tokens, total = sum(n for _, n in batches), 0.0
        self.model.zero_grad()
        for arguments, n in batches:
            loss, backward = self.model.loss(*arguments, rng=self.rng, label_smoothing=config.label_smoothing)
            backward(n / tokens)
            total = total + loss * (n / tokens)
        total = float(backend.to_host(total))
        norm = clip_grad_norm(parameters, config.clip) if config.clip else grad_norm(parameters)
        if not (math.isfinite(total) and math.isfinite(norm)):
            raise TrainingError(f"the loss must stay finite; at step {self.step_count} it is {total} with a gradient "
                                f"norm of {norm}: resume from the last checkpoint with a smaller lr or a longer warmup")
        self.optimizer.lr = self.schedule(self.step_count)
        self.optimizer.step()
        self.step_count += 1
        return total, norm, tokens

    def run(self, on_step=None, on_evaluation=None, stop=lambda: False):
        """Train to the last step, evaluating every `eval_every` steps and at the end.

        on_step(trainer, loss, tokens)     after every step
        on_evaluation(trainer, record)     after every evaluation: the place to save
        stop()                             asked after every step; True leaves at once
        returns True if the last step was reached
        """
        losses, tokens, started = [], 0, time.perf_counter()
        while self.step_count < self.config.steps:
            loss, norm, n = self.step()
            losses.append(loss)
            tokens += n
            if on_step is not None:
                on_step(self, loss, n)
            last = self.step_count == self.config.steps
            if last or self.step_count % self.config.eval_every == 0:
                rate = tokens / (time.perf_counter() - started)
                self.history.append(self._evaluate(losses, norm, rate, whole=last))
                if on_evaluation is not None:
                    on_evaluation(self, self.history[-1])
                losses, tokens, started = [], 0, time.perf_counter()
            if stop():
                return self.step_count == self.config.steps
        return True

    def _evaluate(self, losses, norm, rate, whole):
        result = self.data.evaluate(self.model, whole)
        return {"step": self.step_count, "lr": self.optimizer.lr, "train_loss": float(np.mean(losses)),
                "validation_loss": result.loss, "grad_norm": norm, "tokens_per_second": rate}

    def state_dict(self):
        """(arrays, values): weights and running averages; step, generator and history as plain values."""
        arrays = {f"model.{name}": array for name, array in self.model.state_dict().items()}
        arrays |= {f"optimizer.{name}": array for name, array in self.optimizer.state_dict().items()}
        return arrays, {"step": self.step_count, "rng": self.rng.bit_generator.state, "history": self.history}

    def load_state_dict(self, arrays, values):
        """Go on where `state_dict` was taken, bit for bit."""
        def part(name):
            return {key.removeprefix(name): array for key, array in arrays.items() if key.startswith(name)}
        self.model.load_state_dict(part("model."))
        self.optimizer.load_state_dict(part("optimizer."))
        self.rng.bit_generator.state = values["rng"]
        self.step_count, self.history = values["step"], list(values["history"])
