"""Write `transformer.npz`: what torch.nn.Transformer says of a small encoder-decoder, and autograd of its gradients.

    python -m tests.goldens.make_transformer_golden        needs the `oracles` extra

ids, logits, the loss with smoothed labels; weights and gradients each as one vector, in the order of our names from A
to Z, float64. The weights are whole multiples of 1/64, which float16 holds exactly. All inputs are drawn by NumPy.
"""

import sys
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
SIZES = dict(src_vocab_size=9, tgt_vocab_size=7, d_model=6, nhead=3, num_encoder_layers=1, num_decoder_layers=2,
             dim_feedforward=10)
SMOOTHING = 0.1
OUR_PARTS = {"self_attn.in_proj_": "attention.project.qkv.", "self_attn.out_proj.": "attention.out.",
             "multihead_attn.out_proj.": "cross.out.", "linear1.": "mlp.up.", "linear2.": "mlp.down."}


def reference(config):
    """torch.nn.Transformer of a TransformerConfig's sizes, with tables, waves and a head around it, in float64.

    PyTorch's norms after the stacks are taken away: the paper has none.
    """
    import torch

    class Reference(torch.nn.Module):
        def __init__(self):
            super().__init__()
            C, options = config.d_model, {"dtype": torch.float64}
            self.core = torch.nn.Transformer(
                C, config.nhead, config.num_encoder_layers, config.num_decoder_layers, config.dim_feedforward,
                dropout=0.0, activation=config.activation, layer_norm_eps=config.layer_norm_eps, batch_first=True,
                **options)
            self.core.encoder.norm = self.core.decoder.norm = None
            self.source_embedding = torch.nn.Embedding(config.src_vocab_size, C, **options)
            self.target_embedding = torch.nn.Embedding(config.tgt_vocab_size, C, **options)
            self.head = torch.nn.Linear(C, config.tgt_vocab_size, bias=False, **options)
            if config.share_embeddings:
                self.target_embedding = self.source_embedding
            if config.tie_word_embeddings:
                self.head.weight = self.target_embedding.weight

        def embed(self, table, ids):
            C, T = config.d_model, ids.shape[1]
            angles = torch.arange(T, dtype=torch.float64)[:, None] / 10000 ** (torch.arange(0, C, 2).double() / C)
            return table(ids) * C ** 0.5 + torch.stack([angles.sin(), angles.cos()], dim=-1).reshape(T, C)

        def forward(self, source, target):
            source_pads, target_pads = source == config.pad_token_id, target == config.pad_token_id
            later = torch.ones(target.shape[1], target.shape[1], dtype=torch.bool).triu(1)
            return self.head(self.core(
                self.embed(self.source_embedding, source), self.embed(self.target_embedding, target), tgt_mask=later,
                src_key_padding_mask=source_pads, memory_key_padding_mask=source_pads,
                tgt_key_padding_mask=target_pads))
    return Reference()


def our_arrays(named):
    """{PyTorch's name: array} -> {our name: array}: matrices (in, out), and q, k and v of cross-attention apart."""
    ours = {}
    for name, array in named.items():
        array = array if "embedding" in name else array.T
        name = name.removeprefix("core.").replace(".layers.", ".")
        for theirs, part in OUR_PARTS.items():
            name = name.replace(theirs, part)
        if "multihead_attn.in_proj_" in name:
            for letter, piece in zip("qkv", np.split(array, 3, axis=-1)):
                ours[name.replace("multihead_attn.in_proj_", f"cross.project.{letter}.")] = piece
        else:
            ours[name] = array
    return ours


def set_weights(model, rng):
    """Every weight a multiple of 1/64, gains about 1."""
    import torch
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            around = 1.0 if "norm" in name and name.endswith("weight") else 0.0
            steps = np.round(64 * (around + 0.5 * rng.normal(size=tuple(parameter.shape))))
            parameter[...] = torch.tensor(steps / 64)


def loss_and_gradients(model, source, inputs, targets, pad_token_id, label_smoothing):
    """(logits, loss, {our name: gradient}) as PyTorch has them."""
    import torch
    model.zero_grad()
    logits = model(torch.tensor(source), torch.tensor(inputs))
    loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), torch.tensor(targets).flatten(),
                                             ignore_index=pad_token_id, label_smoothing=label_smoothing)
    loss.backward()
    gradients = our_arrays({name: parameter.grad.numpy() for name, parameter in model.named_parameters()})
    return logits.detach().numpy(), loss.item(), gradients


def weights_of(model):
    """{our name: array} of a reference model."""
    return our_arrays({name: parameter.detach().numpy().copy() for name, parameter in model.named_parameters()})


def batch(rng, config, B, S, T):
    """(source, inputs, targets) with pads behind words in each but the first row."""
    pad = config.pad_token_id
    lengths = [(S, T)] + [(rng.integers(1, S + 1), rng.integers(1, T + 1)) for _ in range(B - 1)]
    source, target = rng.integers(3, config.src_vocab_size, (B, S)), rng.integers(3, config.tgt_vocab_size, (B, T))
    inputs = np.concatenate([np.full((B, 1), config.bos_token_id), target[:, :-1]], axis=1)
    for row, (words, spoken) in enumerate(lengths):
        source[row, words:] = inputs[row, spoken:] = target[row, spoken:] = pad
        target[row, spoken - 1] = config.eos_token_id
    return source, inputs, target


def make_transformer(folder):
    """Write the golden to `folder`."""
    from scratchgpt.models import TransformerConfig
    rng, config = np.random.default_rng(3), TransformerConfig(**SIZES)
    model = reference(config)
    set_weights(model, rng)
    source, inputs, targets = batch(rng, config, 3, 5, 4)
    logits, loss, gradients = loss_and_gradients(model, source, inputs, targets, config.pad_token_id, SMOOTHING)
    weights = weights_of(model)
    flat = {name: np.concatenate([arrays[key].ravel() for key in sorted(arrays)])
            for name, arrays in (("weights", weights), ("gradients", gradients))}
    np.savez_compressed(Path(folder) / "transformer.npz", source=source, inputs=inputs, targets=targets, logits=logits,
                        loss=loss, weights=flat["weights"].astype(np.float16), gradients=flat["gradients"])


if __name__ == "__main__":
    make_transformer(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE)
