"""What the tasks on pairs share: lines `left<tab>right`, and the right side that a model writes for a left one.

Before this file: `task`, `training.pairs`. After it: the figure that ends such a run, the share of held-out lines that
the model completes without a mistake.
"""

from pathlib import Path

from ...files import atomic_write
from ...tokenizers import AutoTokenizer, CharTokenizer
from ...training import PairData, format_pairs, parse_pairs, split_pairs
from ..arguments import generator, read_text
from .task import HELD_OUT, Task

SHOWN = 5                # examples of right and of wrong ones


class PairTask(Task):
    """train and validation are lists of pairs of str, in train.tsv and validation.tsv.

    Subclasses name ROLES, {role: special token} in the order of their ids, and LEARNER, and define `arrange`, as
    PairData takes it, and `complete`, what the model writes for each of many left sides.
    """

    ROLES, LEARNER = {}, None

    @classmethod
    def read(cls, files, settings):
        """From files of pairs, joined: hold out some, learn the characters of the rest. Raises DataError."""
        pairs = [pair for path in files for pair in parse_pairs(read_text(path), path)]
        train, validation = split_pairs(pairs, generator([settings["seed"], 2]), HELD_OUT)
        tokenizer = CharTokenizer.train((side for pair in train for side in pair), cls.ROLES.values())
        for role, token in cls.ROLES.items():
            setattr(tokenizer, role, token)
        return cls(settings, tokenizer, train, validation)

    @classmethod
    def open(cls, folder, settings):
        """From the folder of a run."""
        parts = (Path(folder) / name for name in ("train.tsv", "validation.tsv"))
        train, validation = (parse_pairs(read_text(path), path) for path in parts)
        return cls(settings, AutoTokenizer.from_pretrained(folder), train, validation)

    def save(self, folder):
        """Write the tokenizer and the pairs, for `open`."""
        self.tokenizer.save_pretrained(folder)
        for name, pairs in (("train.tsv", self.train), ("validation.tsv", self.validation)):
            with atomic_write(Path(folder) / name) as file:
                file.write(format_pairs(pairs))

    def data(self):
        """PairData."""
        return PairData(*(self._encode(part) for part in (self.train, self.validation)), self.arrange(),
                        self.settings["batch_size"])

    def conclude(self, trainer):
        """Print how good the model is, with examples."""
        lefts, rights = zip(*self.validation)
        written = self.complete(trainer.model, lefts)
        right = [(left, got) for left, got, want in zip(lefts, written, rights) if got == want]
        wrong = [(left, got, want) for left, got, want in zip(lefts, written, rights) if got != want]
        print(f"validation loss {trainer.history[-1]['validation_loss']:.4f} nats per token, on the "
              f"{len(lefts):,} held-out lines\nexact matches   {len(right) / len(lefts):.2%}, {len(right):,} of "
              f"{len(lefts):,} held-out lines, decoded greedily\n")
        for left, got in right[:SHOWN]:
            print(f"right  {left} -> {got}")
        for left, got, want in wrong[:SHOWN]:
            print(f"wrong  {left} -> {got}, should be {want}")

    def describe(self, model):
        """Who learns from what."""
        s = self.settings
        return (f"{self.LEARNER} of {model.num_parameters:,} parameters ({s['n_layer']} layers, {s['n_head']} heads, "
                f"{s['n_embd']} channels) learns from {len(self.train):,} pairs in {self.tokenizer.vocab_size} kinds "
                f"of characters; {len(self.validation):,} are held out")

    def _encode(self, pairs):
        sides = (self.tokenizer.encode_batch(side, disallowed_special=()) for side in zip(*pairs))
        return list(zip(*sides))
