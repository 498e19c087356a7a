"""The task `text`: a GPT learns to go on with a text.

Before this file: `task`. After it: the road from text files to a model that writes.
"""

import sys
from pathlib import Path

from ...decoding import stream_text
from ...errors import DataError
from ...models import GPT2, GPT2Config
from ...tokenizers import AutoTokenizer, BPETokenizer, CharTokenizer
from ...training import Evaluation, TextData, evaluate, load_tokens, save_tokens
from ..arguments import generator, read_text
from ..generate import write_text
from .task import HELD_OUT, Task

SAMPLE_TOKENS = 300


class TextTask(Task):
    """train and validation are rows of tokens, (N,), in train.npy and validation.npy."""

    DEFAULTS = {
        "tokenizer": "bpe", "vocab_size": 512, "n_layer": 4, "n_head": 4, "n_embd": 128, "context": 64, "dropout": 0.0,
        "steps": 1800, "batch_size": 12, "accumulate": 1, "eval_every": 200, "seed": 0, "lr": 2e-3, "min_lr": None,
        "schedule": "cosine", "warmup": 100, "beta1": 0.9, "beta2": 0.99, "eps": 1e-8, "weight_decay": 0.1, "clip": 1.0,
        "label_smoothing": 0.0, "checkpoint_activations": False,
    }
    OWN, NAME = "*.txt", "stories"

    @classmethod
    def read(cls, files, settings):
        """From text files, joined: learn the tokenizer, hold out the end. Raises DataError or TokenizerError."""
        text = "\n".join(read_text(path) for path in files)
        cut = len(text) - max(1, round(len(text) * HELD_OUT))
        tokenizer = _tokenizer(settings, text, text[:cut])
        train, validation = tokenizer.encode_array(text[:cut]), tokenizer.encode_array(text[cut:])
        for name, tokens in (("training", train), ("held-out", validation)):
            if len(tokens) <= settings["context"]:
                raise DataError(f"the {name} text must be longer than the context; it has {len(tokens)} tokens for "
                                f"context={settings['context']}: take a longer text or a smaller --context")
        return cls(settings, tokenizer, train, validation)

    @classmethod
    def open(cls, folder, settings):
        """From the folder of a run."""
        return cls(settings, AutoTokenizer.from_pretrained(folder), load_tokens(Path(folder) / "train.npy"),
                   load_tokens(Path(folder) / "validation.npy"))

    def save(self, folder):
        """Write the tokenizer and the tokens, for `open`."""
        self.tokenizer.save_pretrained(folder)
        save_tokens(self.train, Path(folder) / "train.npy")
        save_tokens(self.validation, Path(folder) / "validation.npy")

    def model(self, rng):
        """A GPT2."""
        s, p = self.settings, self.settings["dropout"]
        config = GPT2Config(vocab_size=self.tokenizer.vocab_size, n_positions=s["context"], n_embd=s["n_embd"],
                            n_layer=s["n_layer"], n_head=s["n_head"], resid_pdrop=p, embd_pdrop=p, attn_pdrop=p)
        return GPT2(config, rng=rng, checkpoint_activations=s["checkpoint_activations"])

    def data(self):
        """TextData."""
        return TextData(self.train, self.validation, self.settings["context"], self.settings["batch_size"])

    def describe(self, model):
        """Who learns from what."""
        s = self.settings
        return (f"a GPT of {model.num_parameters:,} parameters ({s['n_layer']} layers, {s['n_head']} heads, "
                f"{s['n_embd']} channels, context {s['context']}) learns from {len(self.train):,} "
                f"tokens of {self.tokenizer.vocab_size} kinds; {len(self.validation):,} are held out")

    def sample_rng(self):
        """A generator for the sample at the end, apart from the run's own."""
        return generator([self.settings["seed"], 1])

    def conclude(self, trainer):
        """Print how good the model is, and what it writes."""
        model, context = trainer.model, self.settings["context"]
        overlapping = evaluate(model, self.validation, context, stride=max(1, context // 2))
        result = Evaluation(trainer.history[-1]["validation_loss"], len(self.validation) - 1)     # the run's last one
        print(f"{overlapping.loss:.4f} with windows that overlap by half, each token being predicted from at least "
              f"half a context\nvalidation loss {result.loss:.4f} nats per token, perplexity {result.perplexity:.2f}, "
              f"over all {result.tokens:,} held-out tokens, windows side by side\n\na sample:\n")
        first = self.train[:1]
        write_text(self.tokenizer.decode(first), stream_text(model, first, self.tokenizer, max_new_tokens=SAMPLE_TOKENS,
                                                             temperature=0.8, rng=self.sample_rng()), sys.stdout)


def _tokenizer(settings, text, train_text):
    kind = settings["tokenizer"]
    if kind == "char":
        return CharTokenizer.train(text)                        # an unseen character would have no id
    if kind == "bpe":
        return BPETokenizer.train(train_text, settings["vocab_size"])
    return AutoTokenizer.from_pretrained(kind)
