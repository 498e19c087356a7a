"""GPT-2 in PyTorch with the weights of ours: the peer of the training benchmark."""

import math

import torch
from torch import nn
from torch.nn import functional as F


class TorchBlock(nn.Module):
    """Pre-LN with tanh GELU; attention written out, or by PyTorch's fused kernel."""

    def __init__(self, C, H, eps, fused):
        super().__init__()
        self.H, self.fused = H, fused
        self.norm1, self.norm2 = nn.LayerNorm(C, eps), nn.LayerNorm(C, eps)
        self.qkv, self.out = nn.Linear(C, 3 * C), nn.Linear(C, C)
        self.up, self.down = nn.Linear(C, 4 * C), nn.Linear(4 * C, C)

    def forward(self, x):
        B, T, C = x.shape
        q, k, v = (part.view(B, T, self.H, C // self.H).transpose(1, 2) for part in self.qkv(self.norm1(x)).split(C, -1))
        if self.fused:
            o = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        else:
            s = (q @ k.transpose(-2, -1)) / math.sqrt(q.shape[-1])
            o = F.softmax(s.masked_fill(torch.ones(T, T, dtype=torch.bool).triu(1), -torch.inf), dim=-1) @ v
        x = x + self.out(o.transpose(1, 2).reshape(B, T, C))
        return x + self.down(F.gelu(self.up(self.norm2(x)), approximate="tanh"))


class TorchGPT2(nn.Module):
    """Takes the weights of a scratchgpt GPT2."""

    def __init__(self, model, fused):
        super().__init__()
        config = model.config
        self.wte = nn.Embedding(config.vocab_size, config.n_embd)
        self.wpe = nn.Embedding(config.n_positions, config.n_embd)
        self.h = nn.ModuleList(TorchBlock(config.n_embd, config.n_head, config.layer_norm_epsilon, fused)
                               for _ in range(config.n_layer))
        self.ln_f = nn.LayerNorm(config.n_embd, config.layer_norm_epsilon)
        with torch.no_grad():
            for name, array in model.state_dict().items():
                name = name.replace("attention.project.", "").replace("attention.", "").replace("mlp.", "")
                target = self.get_parameter(name)
                value = torch.from_numpy(array.copy())
                target.copy_(value.T if "weight" in name and array.ndim == 2 and not name.startswith("w") else value)

    def loss(self, x, y):
        h = self.wte(x) + self.wpe.weight[:x.shape[1]]
        for block in self.h:
            h = block(h)
        logits = self.ln_f(h) @ self.wte.weight.T
        return F.cross_entropy(logits.flatten(0, 1), y.flatten())
