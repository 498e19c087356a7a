"""What sampling says and how often, exactly: every processor on a tiny model, and how far each lossy method bends it.

Chance is walked through, not drawn (`enumerate`). Beside it stands each processor's rule for one row, in plain numbers:
rule(text, scores) -> scores, or pairs of a probability and scores where the rule itself draws.
"""

import math
import re
from collections import Counter

import numpy as np
import pytest

from scratchgpt.decoding import generate, processors
from scratchgpt.decoding.constraints import allowed_by, watermark
from scratchgpt.decoding.constraints.green_lists import GreenLists
from scratchgpt.decoding.processors import ORDERS
from scratchgpt.decoding.strategies import (DoLaReader, GuidedReader, beam_search, contrastive_search,
                                            greedy_search, mirostat_search, sampling_search)
from scratchgpt.decoding.strategies.beams import SampledBeam
from scratchgpt.tokenizers import CharTokenizer
from tests.checks import checks
from tests.decoding.enumerate import distribution
from tests.decoding.processors.draws import ban, keep, ranked, softmax, surprise_of
from tests.decoding.strategies.speculation.drafting import small

V, N, EOS, PROMPT = 4, 3, 3, (0, 1, 0)
LETTERS, PATTERN = CharTokenizer("abcd"), "(ab|ba|c)*"                         # a is 0, and so on; d, as 3, is the end
GREEN = GreenLists(greenlist_ratio=0.5, bias=1.5)


@pytest.fixture(scope="module")
def model():
    """A GPT-2 of 4 tokens in float64, which expects them with about 0.26, 0.12, 0.54 and 0.08."""
    return small(3, V)


# the rules, in plain numbers ------------------------------------------------------------------------------------------

def prefix(row, enough):
    """The likeliest tokens, one more at a time until there are enough."""
    order = ranked(row)
    return keep(row, order[:next(n for n in range(1, len(row) + 1) if n == len(row) or enough(order[:n]))])


def top_h(text, row):
    def share(kept):
        return sum(-softmax(row)[v] * math.log(softmax(row)[v]) for v in kept)
    order = ranked(row)
    return keep(row, order[:max(1, sum(share(order[:n]) <= 0.7 * surprise_of(row) for n in range(1, V + 1)))])


def typical(text, row):
    p, order = softmax(row), []
    for v in sorted(range(V), key=lambda v: abs(-math.log(p[v]) - surprise_of(row))):
        order.append(v)
        if sum(p[u] for u in order) >= 0.5:
            return keep(row, order)


def sigma(row):
    mean = sum(row) / V
    return math.sqrt(sum((s - mean) ** 2 for s in row) / V)


def xtc(text, row):
    likely = [v for v in ranked(row) if softmax(row)[v] >= 0.2]
    return [(0.25, ban(row, likely[:-1])), (0.75, row)]


def dry(text, row):
    def repeated(v):
        """The longest end of the text that stood before a v."""
        return max((k for i in range(1, len(text)) for k in range(1, i + 1)
                    if text[i] == v and text[i - k:i] == text[-k:]), default=0)
    return [s - 0.8 * 2.0 ** (repeated(v) - 1) if repeated(v) else s for v, s in enumerate(row)]


def penalised(row, tokens, theta):
    return [(s * theta if s < 0 else s / theta) if v in tokens else s for v, s in enumerate(row)]


def repeats(text, source):
    """The tokens that would complete a pair of neighbours of the source."""
    return {b for a, b in zip(source, source[1:]) if a == text[-1]}


def late(text, row):
    n = len(text) - len(PROMPT)
    return [s + abs(s) * (1.5 ** n - 1) if v == EOS else s for v, s in enumerate(row)]


def green(text, row):
    lucky = GREEN.green((text[-1],), V)
    return [s + GREEN.bias * lucky[v] for v, s in enumerate(row)]


def forced(row, token):
    return [0.0 if v == token else -math.inf for v in range(V)]


def spelt(text, row):
    """What may follow an answer so that it can still become one of the pattern, with two more letters at most."""
    said = "".join("abc"[v] for v in text[len(PROMPT):])
    goes_on = {v for v in range(3) if any(re.fullmatch(PATTERN, said + "abc"[v] + rest) for rest in ("", "a", "b"))}
    return keep(row, goes_on | ({EOS} if re.fullmatch(PATTERN, said) else set()))


def neighbours(prompt, text):
    """A function for prefix_allowed_tokens_fn: the token itself, and the next."""
    return [int(text[-1]), (int(text[-1]) + 1) % V]


def favour_2(ids, scores):
    return scores + 1.5 * (np.arange(V) == 2)


# name in ORDERS: (options, rule)
RULES = {
    "sequence_bias": (dict(sequence_bias={(0, 1): 1.5, (2,): -1.0}), lambda text, row: [
        s + 1.5 * (v == 1 and text[-1] == 0) - 1.0 * (v == 2) for v, s in enumerate(row)]),
    "encoder_repetition_penalty": (dict(encoder_repetition_penalty=1.5),      # the prompt is all the source there is
                                   lambda text, row: penalised(row, PROMPT, 1 / 1.5)),
    "repetition_penalty": (dict(repetition_penalty=1.5), lambda text, row: penalised(row, text, 1.5)),
    "frequency_penalty": (dict(frequency_penalty=0.5),
                          lambda text, row: [s - 0.5 * text.count(v) for v, s in enumerate(row)]),
    "presence_penalty": (dict(presence_penalty=0.5),
                         lambda text, row: [s - 0.5 * (v in text) for v, s in enumerate(row)]),
    "dry": (dict(dry_multiplier=0.8, dry_base=2.0, dry_allowed_length=1), dry),
    "no_repeat_ngram": (dict(no_repeat_ngram_size=2), lambda text, row: ban(row, repeats(text, text))),
    "encoder_no_repeat_ngram": (dict(encoder_no_repeat_ngram_size=2),
                                lambda text, row: ban(row, repeats(text, PROMPT))),
    "bad_words": (dict(bad_words_ids=[[2], [0, 1]]), lambda text, row: ban(row, {2, *[1] * (text[-1] == 0)})),
    "min_length": (dict(min_length=5), lambda text, row: ban(row, {EOS} if len(text) < 5 else ())),
    "min_new_tokens": (dict(min_new_tokens=1), lambda text, row: ban(row, {EOS} if len(text) < 4 else ())),
    "prefix_allowed_tokens": (dict(prefix_allowed_tokens_fn=neighbours),
                              lambda text, row: keep(row, neighbours(0, text))),
    "constraints": (dict(regex=PATTERN, tokenizer=LETTERS), spelt),
    "forced_bos": (dict(forced_bos_token_id=2), lambda text, row: forced(row, 2) if len(text) == 1 else row),
    "forced_eos": (dict(forced_eos_token_id=EOS),
                   lambda text, row: forced(row, EOS) if len(text) == len(PROMPT) + N - 1 else row),
    "remove_invalid": (dict(remove_invalid_values=True, bad_words_ids=[[2]]), lambda text, row: ban(row, {2})),
    "exponential_decay_length": (dict(exponential_decay_length_penalty=(0, 1.5)), late),
    "suppress": (dict(suppress_tokens=[1]), lambda text, row: ban(row, {1})),
    "begin_suppress": (dict(begin_suppress_tokens=[1]),
                       lambda text, row: ban(row, {1} if len(text) == len(PROMPT) else ())),
    "custom": (dict(logits_processor=[favour_2]), lambda text, row: [s + 1.5 * (v == 2) for v, s in enumerate(row)]),
    "temperature": (dict(temperature=0.5), lambda text, row: [s / 0.5 for s in row]),
    "dynamic_temperature": (dict(dynatemp_range=0.5, dynatemp_exponent=2.0), lambda text, row: [
        s / (0.5 + (surprise_of(row) / math.log(V)) ** 2) for s in row]),
    "top_h": (dict(top_h=0.7), top_h),
    "top_k": (dict(top_k=3), lambda text, row: keep(row, ranked(row)[:3])),
    "top_p": (dict(top_p=0.7), lambda text, row: prefix(row, lambda kept: sum(softmax(row)[v] for v in kept) >= 0.7)),
    "min_p": (dict(min_p=0.2), lambda text, row: [
        s if p >= 0.2 * max(softmax(row)) else -math.inf for p, s in zip(softmax(row), row)]),
    "typical_p": (dict(typical_p=0.5), typical),
    "epsilon_cutoff": (dict(epsilon_cutoff=0.11), lambda text, row: [
        s if p >= 0.11 else -math.inf for p, s in zip(softmax(row), row)]),
    "eta_cutoff": (dict(eta_cutoff=0.2), lambda text, row: [
        s if p >= min(0.2, math.sqrt(0.2) * math.exp(-surprise_of(row))) else -math.inf
        for p, s in zip(softmax(row), row)]),
    "top_n_sigma": (dict(top_n_sigma=1.5), lambda text, row: [
        s if s >= max(row) - 1.5 * sigma(row) else -math.inf for s in row]),
    "xtc": (dict(xtc_probability=0.25, xtc_threshold=0.2), xtc),
    "watermark": (dict(watermarking={"greenlist_ratio": 0.5, "bias": 1.5}), green),
    "renormalize": (dict(renormalize_logits=True, suppress_tokens=[1]), lambda text, row: ban(row, {1})),
}


# what is walked, and what is told -------------------------------------------------------------------------------------

def spoken(model, prompt=PROMPT, n=N, chance=True, **options):
    """{answer: probability} of `generate`."""
    def answer(rng):
        output = generate(model, [prompt], max_new_tokens=n, eos_token_id=EOS, rng=rng if chance else None,
                          return_dict_in_generate=True, **options)
        return tuple(output.answers[0].tolist())
    return distribution(answer)


def told(model, rule=lambda text, row: row, prompt=PROMPT, n=N):
    """The same by a rule: each token of each answer in its turn, every text read from the beginning."""
    found = Counter()

    def go_on(text, p):
        said = text[len(prompt):]
        if len(said) == n or EOS in said:
            found[said] += p
            return
        outcome = rule(text, model.logits(np.array([text]))[0, -1].tolist())
        for share, row in outcome if isinstance(outcome[0], tuple) else [(1.0, outcome)]:
            for v, q in enumerate(softmax(row)):
                if q > 0:
                    go_on((*text, v), p * share * q)
    go_on(tuple(prompt), 1.0)
    return found


def assert_same(found, expected):
    assert sum(found.values()) == pytest.approx(1, abs=1e-12)
    for answer in {*found, *expected}:
        assert found.get(answer, 0) == pytest.approx(expected.get(answer, 0), abs=1e-12), answer


def distance(p, q):
    """Total variation: how much probability must be moved to make the one of the other, in [0, 1]."""
    return sum(abs(p.get(text, 0) - q.get(text, 0)) for text in {*p, *q}) / 2


def test_no_processor_is_left_out():
    assert set(RULES) == set(ORDERS["hf"])


@checks(sampling_search, generate, allowed_by, watermark,
        *(getattr(processors, name) for name in RULES if hasattr(processors, name)))
@pytest.mark.parametrize("name", RULES)
def test_each_processor_alone_gives_every_answer_the_probability_of_its_rule(model, name):
    (options, rule), prompt = RULES[name], PROMPT[:1] if name == "forced_bos" else PROMPT
    expected = told(model, rule, prompt)
    assert_same(spoken(model, prompt, **options), expected)
    assert distance(expected, told(model, prompt=prompt)) > 0.01               # the setting is one that does something


CHAIN = {                                                                      # option: (value, rule)
    "repetition_penalty": (1.5, RULES["repetition_penalty"][1]), "temperature": (2.0, lambda text, row: [
        s / 2 for s in row]),
    "top_k": (3, RULES["top_k"][1]), "top_p": (0.7, RULES["top_p"][1]), "min_p": (0.2, RULES["min_p"][1]),
    "top_n_sigma": (2.2, lambda text, row: [
        s if s >= max(row) - 2.2 * np.std([t for t in row if t > -math.inf]) else -math.inf for s in row])}
BY_HAND = {"hf": ["repetition_penalty", "temperature", "top_k", "top_p", "min_p", "top_n_sigma"],
           "llamacpp": ["repetition_penalty", "top_n_sigma", "top_k", "top_p", "min_p", "temperature"]}


def in_turn(order):
    """The rules of the chain, one after the other."""
    def rule(text, row):
        for name in BY_HAND[order]:
            row = CHAIN[name][1](text, row)
        return row
    return rule


@checks(sampling_search, processors.build, processors.apply)
def test_a_chain_in_either_order_gives_what_its_rules_give_one_after_the_other(model):
    expected = {order: told(model, in_turn(order)) for order in BY_HAND}
    for order in BY_HAND:
        found = spoken(model, processor_order=order, **{name: value for name, (value, _) in CHAIN.items()})
        assert_same(found, expected[order])
    assert distance(expected["hf"], expected["llamacpp"]) > 0.01


# how far each lossy method bends the model ----------------------------------------------------------------------------

ALONE = {name: RULES[name][0] for name in (
    "temperature", "dynamic_temperature", "top_h", "top_k", "top_p", "min_p", "typical_p", "epsilon_cutoff",
    "eta_cutoff", "top_n_sigma", "xtc", "repetition_penalty", "frequency_penalty", "presence_penalty", "dry",
    "no_repeat_ngram", "watermark")}
METHODS = {
    **ALONE,
    "mirostat 1": dict(mirostat=1, mirostat_tau=1.0), "mirostat 2": dict(mirostat=2, mirostat_tau=1.5),
    "guidance": dict(guidance_scale=1.5), "dola": dict(dola_layers=[0]),
    "int8 cache": dict(cache_implementation="quantized"),
    "greedy": dict(chance=False), "beams": dict(chance=False, num_beams=3),
    "contrastive": dict(chance=False, penalty_alpha=0.9, top_k=3),
    "sampled beams, one token": dict(num_beams=2, n=1)}
# total variation between three tokens by the method and three of the model's own; measured, and held here
BIAS = {"temperature": 0.3837, "dynamic_temperature": 0.0557, "top_h": 0.4507, "top_k": 0.1756, "top_p": 0.4507,
        "min_p": 0.2491, "typical_p": 0.4507, "epsilon_cutoff": 0.1881, "eta_cutoff": 0.4507, "top_n_sigma": 0.4507,
        "xtc": 0.2020, "repetition_penalty": 0.1895, "frequency_penalty": 0.2051, "presence_penalty": 0.1133,
        "dry": 0.1810, "no_repeat_ngram": 0.5176, "watermark": 0.4130, "mirostat 1": 0.4507, "mirostat 2": 0.3454,
        "guidance": 0.0456, "dola": 0.5795, "int8 cache": 0.0008, "greedy": 0.8051, "beams": 0.8051,
        "contrastive": 0.8051, "sampled beams, one token": 0.3124}


@checks(sampling_search, mirostat_search, GuidedReader, DoLaReader, greedy_search, beam_search, contrastive_search,
        SampledBeam)
@pytest.mark.parametrize("name", METHODS)
def test_how_far_each_lossy_method_bends_the_model_is_known(model, name):
    n = METHODS[name].get("n", N)
    assert distance(spoken(model, **METHODS[name]), told(model, n=n)) == pytest.approx(BIAS[name], abs=1e-4)


@checks(sampling_search)
@pytest.mark.parametrize("options", [
    dict(use_cache=False), dict(cache_implementation="static"), dict(prompt_lookup_num_tokens=2),
    dict(lookahead_num_tokens=2), dict(assistant_early_exit=1, num_assistant_tokens=1), dict(top_p=1.0, top_k=V),
    dict(renormalize_logits=True)], ids=str)
def test_what_is_not_lossy_bends_nothing(model, options):
    assert_same(spoken(model, **options), told(model))
