"""Cross-entropy as a module. Before: `formulas.losses`. After: where a backward pass begins, with dloss = 1."""

from .. import formulas
from ..errors import ConfigError
from ..module import Module


class CrossEntropy(Module):
    """loss = -1/n sum q log p, p = softmax(logits), over the n targets that count; logits (..., V), targets (...).

    ignore_index     the target that does not count        label_smoothing  a probability, 0 <= e < 1
    Keeps p and the targets. Source: as `formulas.cross_entropy`.
    """

    def __init__(self, ignore_index=-100, label_smoothing=0.0):
        if not 0 <= label_smoothing < 1:
            raise ConfigError(f"label_smoothing must be a probability, 0 <= e < 1; got {label_smoothing}")
        self.ignore_index, self.label_smoothing = ignore_index, label_smoothing

    def forward(self, logits, targets):
        """logits (..., V), targets (...) -> loss () in nats per token; backward(dloss=1.0) returns dlogits (..., V)."""
        options = self.ignore_index, self.label_smoothing
        loss, p = formulas.cross_entropy(logits, targets, *options)
        return loss, lambda dloss=1.0: formulas.cross_entropy_backward(dloss, p, targets, *options)
