"""The task `translate`: an encoder-decoder learns to write the right side of a line, the left one in view.

Before this file: `pairs`, `models.transformer`. After it: the training of "Attention is all you need", at the size of a
kitchen table.
"""

from ...models import Transformer, TransformerConfig
from ...training import Translation, translations
from .pairs import PairTask


class TranslateTask(PairTask):
    """Adam, dropout and label smoothing as in the paper; sizes and steps for two cores.

    The paper's schedule is `inverse-sqrt`. In a run as short as this one a rate that falls to nearly nothing ends
    better: of the held-out dates 99.9% are then right, with the paper's 99.1%.
    """

    DEFAULTS = {
        "n_layer": 2, "n_head": 4, "n_embd": 96, "dropout": 0.1, "steps": 2500, "batch_size": 32, "accumulate": 1,
        "eval_every": 250, "seed": 0, "lr": 2e-3, "min_lr": 2e-5, "schedule": "cosine", "warmup": 300,
        "beta1": 0.9, "beta2": 0.98, "eps": 1e-9, "weight_decay": 0.0, "clip": 1.0, "label_smoothing": 0.1,
        "checkpoint_activations": False,
    }
    OWN, NAME, LEARNER = "dates.tsv", "dates", "a Transformer"
    ROLES = {"pad_token": "<pad>", "unk_token": "<unk>", "bos_token": "<bos>", "eos_token": "<eos>"}

    def model(self, rng):
        """A Transformer, with n_layer blocks in each of its two stacks, and one table for both sides."""
        s, t = self.settings, self.tokenizer
        config = TransformerConfig(
            src_vocab_size=t.vocab_size, tgt_vocab_size=t.vocab_size, d_model=s["n_embd"], nhead=s["n_head"],
            num_encoder_layers=s["n_layer"], num_decoder_layers=s["n_layer"], dim_feedforward=4 * s["n_embd"],
            dropout=s["dropout"], share_embeddings=True, pad_token_id=t.pad_token_id, bos_token_id=t.bos_token_id,
            eos_token_id=t.eos_token_id)
        return Transformer(config, rng=rng, checkpoint_activations=s["checkpoint_activations"])

    def arrange(self):
        """Translation."""
        return Translation(self.tokenizer.bos_token_id, self.tokenizer.eos_token_id, self.tokenizer.pad_token_id)

    def complete(self, model, lefts):
        """The translation of each left side."""
        return translations(model, self.tokenizer, lefts)
