"""Scene 6: one head is trained, and goes where the table of pairs cannot.

Before this file: `layers`, `optim`, `small_language`. After it: the reader has seen a head learn to look at the word
that matters. The model is a bigram's table in two factors, with one line added: x + attention(x).
"""

import math

import numpy as np

from ... import formulas
from ...layers import CrossEntropy, Embedding, FusedProjections, Linear, MultiHeadAttention
from ...models import BigramConfig, BigramLM
from ...module import Module
from ...optim import Adam
from .small_language import WORDS, all_sentences, loss_floor, spell


class OneHead(Module):
    """The smallest model that can choose what to look at: no positions, no norm, no MLP, one head.

        x = wte[ids]        h = x + attention(x)        logits = h W + b

    V words    C channels, all of them one head's    rng: numpy.random.Generator, for the first weights
    Without the attention it would be a bigram. Keeps the ids, h, and what the attention keeps.
    Source: Vaswani et al. 2017, arXiv:1706.03762, section 3.2; Elhage et al. 2021, A mathematical framework for
    transformer circuits, for models of attention alone.
    """

    def __init__(self, V, C, *, rng):
        std = 1 / math.sqrt(C)
        self.wte = Embedding(V, C, rng=rng, std=std)
        self.attention = MultiHeadAttention(FusedProjections(C, rng=rng, bias=False, std=std),
                                            Linear(C, C, rng=rng, bias=False, std=std), n_head=1)
        self.head = Linear(C, V, rng=rng, std=std)

    def forward(self, ids, maps=None):
        """ids (B, T) -> logits (B, T, V) in nats; `maps`, a list, receives the probabilities (B, 1, T, T)."""
        x, wte_back = self.wte(ids)                                       # step 1: (B, T) -> (B, T, C)
        a, attention_back = self.attention(x, causal=True, maps=maps)     # step 2
        logits, head_back = self.head(x + a)                              # step 3: (B, T, C) -> (B, T, V)

        def backward(dlogits):
            dh = head_back(dlogits)                                       # back through step 3
            wte_back(dh + attention_back(dh))                             # back through steps 2 and 1
        return logits, backward


def learn(model, ids, steps, lr):
    """Train on all sentences at once, and yield the loss before every step and after the last.

        loss = -1/n sum_t log p(x_{t+1} | what the model sees of x_0 .. x_t)        w <- Adam(w, dloss/dw)

    model: (N, T) -> logits (N, T, V)    ids (N, T + 1)    lr per step    yields steps + 1 floats, nats per word
    Source: Kingma & Ba 2014, arXiv:1412.6980, for the steps.
    """
    optimizer = Adam(model.parameters(), lr=lr)
    for step in range(steps + 1):
        logits, logits_back = model(ids[:, :-1])
        loss, loss_back = CrossEntropy()(logits, ids[:, 1:])
        yield float(loss)
        if step < steps:
            model.zero_grad()
            logits_back(loss_back())
            optimizer.step()


def tell(say):
    """Tell the scene through `say`, which takes a line of text.    Source: as `OneHead`."""
    ids, V, rng = all_sentences(), len(WORDS), np.random.default_rng(0)
    bigram, head = BigramLM(BigramConfig(V), rng=rng), OneHead(V, 24, rng=rng)
    losses = [list(learn(model, ids, 300, lr)) for model, lr in ((bigram, 0.1), (head, 0.03))]
    say(f"A bigram of {bigram.num_parameters} weights and one head of {sum(w.size for w in head.parameters()):,} learn "
        "all sentences, 300 steps of Adam:")
    say("\n    step     bigram    one head     nats per word")
    for step in (0, 10, 30, 100, 300):
        say(f"    {step:<6}{losses[0][step]:9.3f}{losses[1][step]:12.3f}")
    say(f"    floor {loss_floor(ids, 1):9.3f}{loss_floor(ids, 6):12.3f}     one word seen, all words seen")
    say("\nThe bigram comes down to its floor, 5/3 ln 2; the head goes below it, to the language's own, ln 2.")
    sentence, maps = ids[43:44, :5], []
    logits, _ = head(sentence, maps=maps)
    say(f"\nWhat follows \"{spell(sentence[0])}\"?")
    for name, scores in (("bigram", bigram.logits(sentence)[0, -1]), ("one head", logits[0, -1])):
        p = formulas.softmax(scores).round(3)
        say(f"    {name:10}" + "   ".join(f"{WORDS[j]} {p[j]:.3f}" for j in np.argsort(-p, kind="stable") if p[j]))
    say("\nWhere each word looks, itself and before:")
    words = [WORDS[i] for i in sentence[0]]
    say(12 * " " + "".join(f"{word:>8}" for word in words))
    for t, weights in enumerate(maps[0][0, 0]):
        say(f"    {words[t]:8}" + "".join(f"{w:8.2f}" for w in weights[:t + 1]))
