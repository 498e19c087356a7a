"""The task `answer`: a decoder learns to write the right side of a line after the left one.

Before this file: `pairs`, `models.question_answering`. After it: a model that answers what it has never read.
"""

from ...errors import DataError
from ...models import QuestionAnsweringConfig, QuestionAnsweringGPT
from ...training import Answering, answers, pair_length
from .pairs import PairTask


class AnswerTask(PairTask):
    """Its one special token of its own, <sep>, closes a question as well as an answer."""

    DEFAULTS = {
        "n_layer": 2, "n_head": 4, "n_embd": 96, "dropout": 0.0, "steps": 7500, "batch_size": 24, "accumulate": 1,
        "eval_every": 500, "seed": 0, "lr": 3e-3, "min_lr": 3e-5, "schedule": "cosine", "warmup": 200, "beta1": 0.9,
        "beta2": 0.98, "eps": 1e-9, "weight_decay": 0.0, "clip": 1.0, "label_smoothing": 0.0,
        "checkpoint_activations": False,
    }
    OWN, NAME, LEARNER = "questions.tsv", "questions", "a post-LN decoder"
    ROLES = {"pad_token": "<pad>", "unk_token": "<unk>", "eos_token": "<sep>"}

    def model(self, rng):
        """A QuestionAnsweringGPT that knows its tokenizer; first weights from N(0, 1 / C)."""
        s, t = self.settings, self.tokenizer
        config = QuestionAnsweringConfig(
            vocab_size=t.vocab_size, n_embd=s["n_embd"], n_head=s["n_head"], n_inner=2 * s["n_embd"],
            head_dim=max(1, s["n_embd"] // s["n_head"]), n_layer=s["n_layer"], dropout=s["dropout"],
            initializer_range=s["n_embd"] ** -0.5, pad_token_id=t.pad_token_id, sep_token_id=t.eos_token_id)
        longest = max(map(pair_length, self.train + self.validation))
        if longest > config.n_positions:
            raise DataError(f"a question and its answer must fit {config.n_positions - 1} characters; "
                            f"got {longest - 1}; shorten or drop the line")
        return QuestionAnsweringGPT(config, rng=rng, tokenizer=t, checkpoint_activations=s["checkpoint_activations"])

    def arrange(self):
        """Answering."""
        return Answering(self.tokenizer.eos_token_id, self.tokenizer.pad_token_id)

    def complete(self, model, lefts):
        """The answer to each left side."""
        return answers(model, lefts)
