"""The models of these tests, measured: how many greedy answers are one token for ever, or those of another prompt."""

import itertools

import pytest

from scratchgpt.decoding import generate
from scratchgpt.models import GPT2, BigramConfig, BigramLM, GPT2Config
from tests.checks import checks
from tests.decoding.lively import constant, lively_and_batch, lively_encoder_decoder
from tests.decoding.strategies.speculation.drafting import talker
from tests.layers.cases import P, V, gpt2
from tests.layers.llama_cases import llama, mistral, qwen2, qwen3


def deep(rng):
    return GPT2(GPT2Config(vocab_size=V, n_positions=P, n_embd=4, n_layer=5, n_head=2), rng=rng)


DRAWN = {make.__name__: lambda seed, make=make: lively_and_batch(make, 3, 3, seed)[:2]
         for make in (gpt2, deep, llama, mistral, qwen2, qwen3)}
DRAWN |= {"bigram": lambda seed: lively_and_batch(lambda rng: BigramLM(BigramConfig(V), rng=rng), 3, 3, seed)[:2],
          "encoder-decoder": lambda seed: lively_encoder_decoder(3, 5, seed)[:2],
          "talker": lambda seed: (talker(seed), lively_and_batch(gpt2, 3, 3, seed)[1])}


@checks(generate)
@pytest.mark.parametrize("name", DRAWN)
def test_few_answers_are_constant_or_those_of_another_prompt(name):
    answers = [generate(*DRAWN[name](seed), max_new_tokens=6)[:, -6:].tolist() for seed in range(25)]
    pairs = [one == other for rows in answers for one, other in itertools.combinations(rows, 2)]
    alone = [constant(row) for rows in answers for row in rows]
    assert sum(alone) < 0.1 * len(alone) and sum(pairs) < 0.5 * len(pairs)
