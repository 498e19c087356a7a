"""A text to learn from: the smallest thing that a `Trainer` can train on.

Before this file: `batches`, `evaluate`. After it: the reader knows the two questions that a trainer asks of its data,
`batch` and `evaluate`, and that the answers make the task.
"""

from ..errors import ConfigError
from ..inputs import check_whole
from .batches import get_batch
from .evaluate import evaluate

EVALUATED = 1 << 16          # tokens of the held-out data that an evaluation on the way looks at; the last sees all


class TextData:
    """Tokens in a row, and more of them held out. A batch is (batch_size, context) tokens, each predicting the next.

    train, validation  (N,) integers each, in memory or mapped
    """

    def __init__(self, train, validation, context, batch_size):
        for name, value in (("context", context), ("batch_size", batch_size)):
            check_whole(name, value, 1, ConfigError)
        self.train, self.validation, self.context, self.batch_size = train, validation, context, batch_size

    def batch(self, rng):
        """((x, y), n): what `model.loss` takes, (B, T) both, and how many targets count."""
        x, y = get_batch(self.train, self.batch_size, self.context, rng)
        return (x, y), y.size

    def evaluate(self, model, whole=True):
        """The Evaluation of the held-out text, or of as much of it as is looked at on the way."""
        return evaluate(model, self.validation if whole else self.validation[:EVALUATED], self.context)
