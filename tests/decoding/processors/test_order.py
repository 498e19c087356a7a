"""What a config asks for is made, in the order that it names, and nothing else."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchgpt.decoding import GenerationConfig, processors
from scratchgpt.decoding.processors import ORDERS, Processor, apply, build
from scratchgpt.decoding.processors.order import ALWAYS, CUTS, MAKERS
from scratchgpt.errors import GenerationError
from tests.checks import checks
from tests.decoding.processors.draws import frozen, padded, situations

IDS = padded([[1, 2, 1, 2], [3]])
SOURCE = padded([[1, 5], [4]])
SCORES = frozen(np.random.default_rng(0).normal(size=(2, 7)) * 2)
PROMPT = [2, 1]
# options, and what they ask for in the order of transformers, made by hand
ASKED = {
    "sequence_bias": ({"sequence_bias": {(1, 2): 1.0}}, lambda: processors.sequence_bias({(1, 2): 1.0})),
    "encoder_repetition_penalty": ({"encoder_repetition_penalty": 1.5},
                                   lambda: processors.encoder_repetition_penalty(1.5, SOURCE)),
    "repetition_penalty": ({"repetition_penalty": 1.3}, lambda: processors.repetition_penalty(1.3)),
    "frequency_penalty": ({"frequency_penalty": 0.5}, lambda: processors.frequency_penalty(0.5)),
    "presence_penalty": ({"presence_penalty": 0.25}, lambda: processors.presence_penalty(0.25)),
    "dry": ({"dry_multiplier": 0.8, "dry_base": 2.0, "dry_allowed_length": 1, "dry_sequence_breakers": [[5]]},
            lambda: processors.dry(0.8, 2.0, 1, [[5]])),
    "no_repeat_ngram": ({"no_repeat_ngram_size": 3}, lambda: processors.no_repeat_ngram(3)),
    "encoder_no_repeat_ngram": ({"encoder_no_repeat_ngram_size": 2},
                                lambda: processors.encoder_no_repeat_ngram(2, SOURCE)),
    "bad_words": ({"bad_words_ids": [[0], [1, 3]]}, lambda: processors.bad_words([[0], [1, 3]], [0])),
    "min_length": ({"min_length": 3}, lambda: processors.min_length(3, [0])),
    "min_new_tokens": ({"min_new_tokens": 1}, lambda: processors.min_new_tokens(1, PROMPT, [0])),
    "forced_bos": ({"forced_bos_token_id": 4}, lambda: processors.forced_bos(4)),
    "forced_eos": ({"forced_eos_token_id": 0}, lambda: processors.forced_eos(0, 5)),
    "remove_invalid": ({"remove_invalid_values": True}, lambda: processors.remove_invalid()),
    "exponential_decay_length": ({"exponential_decay_length_penalty": (1, 1.5)},
                                 lambda: processors.exponential_decay_length(1, 1.5, PROMPT, [0])),
    "suppress": ({"suppress_tokens": [6]}, lambda: processors.suppress([6])),
    "begin_suppress": ({"begin_suppress_tokens": [5]}, lambda: processors.begin_suppress([5], PROMPT)),
    "temperature": ({"temperature": 0.5}, lambda: processors.temperature(0.5)),
    "dynamic_temperature": ({"dynatemp_range": 0.5, "dynatemp_exponent": 2.0},
                            lambda: processors.dynamic_temperature(1.0, 0.5, 2.0)),
    "top_h": ({"top_h": 0.9}, lambda: processors.top_h(0.9)),
    "top_k": ({"top_k": 5}, lambda: processors.top_k(5)),
    "top_p": ({"top_p": 0.9}, lambda: processors.top_p(0.9)),
    "min_p": ({"min_p": 0.05}, lambda: processors.min_p(0.05)),
    "typical_p": ({"typical_p": 0.9}, lambda: processors.typical_p(0.9)),
    "epsilon_cutoff": ({"epsilon_cutoff": 0.02}, lambda: processors.epsilon_cutoff(0.02)),
    "eta_cutoff": ({"eta_cutoff": 0.02}, lambda: processors.eta_cutoff(0.02)),
    "top_n_sigma": ({"top_n_sigma": 2.0}, lambda: processors.top_n_sigma(2.0)),
    "xtc": ({"xtc_probability": 0.5, "xtc_threshold": 0.2}, lambda: processors.xtc(0.5, 0.2, np.random.default_rng(0))),
    "renormalize": ({"renormalize_logits": True}, lambda: processors.renormalize()),
}
HF = """sequence_bias encoder_repetition_penalty repetition_penalty frequency_penalty presence_penalty dry
    no_repeat_ngram encoder_no_repeat_ngram bad_words min_length min_new_tokens prefix_allowed_tokens constraints
    forced_bos forced_eos remove_invalid exponential_decay_length suppress begin_suppress custom temperature
    dynamic_temperature top_h top_k top_p min_p typical_p epsilon_cutoff eta_cutoff top_n_sigma xtc watermark renormalize""".split()


def make(config, **more):
    more = {"source": SOURCE, "rng": np.random.default_rng(0), "max_length": 5, **more}
    return build(GenerationConfig(**{"eos_token_id": [0], "max_new_tokens": 9, **config}), PROMPT, **more)


@checks(build)
def test_the_orders_hold_the_same_names_and_each_can_be_asked_for():
    assert list(ORDERS["hf"]) == HF and set(ORDERS["llamacpp"]) == set(HF) and len(ORDERS["llamacpp"]) == len(HF)
    assert set(ASKED) == set(MAKERS) == set(HF) - {"prefix_allowed_tokens", "constraints", "custom", "watermark"}
    of_llamacpp = ("repetition_penalty", "frequency_penalty", "presence_penalty", "dry", "top_n_sigma", "top_k",
                   "typical_p", "top_p", "min_p", "xtc", "temperature")
    assert [name for name in ORDERS["llamacpp"] if name in of_llamacpp] == list(of_llamacpp)


@checks(build)
@pytest.mark.parametrize("name", ASKED)
def test_an_option_makes_its_processor_and_no_other(name):
    options, by_hand = ASKED[name]
    [found] = make(options)
    assert found.name == name
    np.testing.assert_array_equal(found.apply(IDS, SCORES), by_hand()(IDS, SCORES))


@checks(build, apply)
@given(situation=situations(), names=st.sets(st.sampled_from(sorted(ASKED))), order=st.sampled_from(["hf", "llamacpp"]))
def test_a_chain_is_what_was_asked_for_applied_by_hand_in_the_order_that_is_named(situation, names, order):
    names -= {"temperature"} if "dynamic_temperature" in names else set()
    options = {key: value for name in names for key, value in ASKED[name][0].items()}
    ids, scores = padded([[1, 2, 1, 2], [3]]), np.resize(situation[1], (2, 7))
    chain = make(dict(options, processor_order=order))
    assert [link.name for link in chain] == [name for name in ORDERS[order] if name in names]
    expected = scores
    for name in ORDERS[order]:
        if name in names:
            by_hand = ASKED[name][1]()
            if name == "begin_suppress" and "forced_bos" in names:
                by_hand = processors.begin_suppress([5], [2, 2])
            expected = by_hand(ids, expected)
    np.testing.assert_array_equal(apply(chain, ids, scores), expected)


@checks(build)
def test_the_two_orders_keep_other_tokens():
    hot = {"temperature": 10.0, "top_p": 0.9}
    kept = {order: (apply(make(dict(hot, processor_order=order)), IDS, SCORES) > -np.inf).sum() for order in ORDERS}
    assert kept["hf"] > kept["llamacpp"]                                          # heat first lets the tail in


@checks(build)
def test_without_sampling_nothing_is_cut_but_what_holds_for_all_searches_stays():
    options = {key: value for name in ASKED if name != "temperature" for key, value in ASKED[name][0].items()}
    for order in ORDERS:
        asked = dict(options, processor_order=order)
        greedy = [link.name for link in make(asked, sampling=False)]
        assert greedy == [link.name for link in make(asked, rng=None)]
        assert greedy == [name for name in (*ALWAYS, "renormalize") if name in ASKED]
        assert set(CUTS[order]) - {"temperature"} == {link.name for link in make(asked)} - set(greedy)


@checks(build)
def test_nothing_is_asked_for_by_none_and_by_neutral_values():
    neutral = {one.name: one.metadata["neutral"] for one in GenerationConfig.table()}
    assert make({}) == make({option: neutral[option] for option, _ in MAKERS.values()}) == []


@checks(build)
def test_dynamic_temperature_takes_the_place_of_temperature_and_its_value():
    for order in ORDERS:
        chain = make({"temperature": 0.5, "dynatemp_range": 0.25, "top_k": 3, "processor_order": order})
        assert [link.name for link in chain if "temperature" in link.name] == ["dynamic_temperature"]
    [link] = make({"temperature": 0.5, "dynatemp_range": 0.25})
    np.testing.assert_array_equal(link.apply(IDS, SCORES), processors.dynamic_temperature(0.5, 0.25)(IDS, SCORES))


@checks(build, Processor)
def test_finished_processors_stand_where_the_order_says():
    def double(ids, scores):
        return 2 * scores
    chain = make({"min_length": 3, "forced_bos_token_id": 1, "top_k": 3, "renormalize_logits": True},
                 constraints=[Processor("regex", double), double], custom=[double], watermark=double,
                 prefix_allowed_tokens_fn=lambda b, text: [b])
    assert [link.name for link in chain] == ["min_length", "prefix_allowed_tokens", "regex", "constraints",
                                             "forced_bos", "custom", "top_k", "watermark", "renormalize"]
    assert chain[2].apply is double and chain[7].apply is double
    with pytest.raises(GenerationError, match="custom must be functions"):
        make({}, custom=[3])


@checks(build)
def test_rows_have_the_numbers_of_their_prompts_in_prefix_allowed_tokens():
    seen = []
    [link] = make({}, prompts=[3, 3, 1], prefix_allowed_tokens_fn=lambda b, text: seen.append(b) or [0])
    link.apply(padded([[1]] * 3), np.zeros((3, 7)))
    assert seen == [3, 3, 1]


@checks(build)
def test_the_first_free_token_stands_behind_a_beginning_that_is_laid_down():
    first = make({"begin_suppress_tokens": [5], "forced_bos_token_id": 4}, max_length=9)[-1]
    banned = first.apply(padded([[1, 2], [3, 4]]), SCORES) == -np.inf             # prompts of two tokens and of one
    assert banned[:, 5].all() and banned.sum() == 2
    assert (first.apply(padded([[1, 2, 1], [3]]), SCORES) > -np.inf).all()


@checks(build)
def test_the_configs_own_max_length_counts_where_no_other_is_given():
    [link] = make({"forced_eos_token_id": 0, "max_length": 2}, max_length=None)
    assert (link.apply(IDS, SCORES) == -np.inf).any(axis=1).tolist() == [False, True]


@checks(build)
@pytest.mark.parametrize("options, more, says", [
    ({"xtc_probability": 0.5}, {"rng": None, "sampling": True}, "rng"),
    ({"encoder_repetition_penalty": 2.0}, {"source": None}, "encoder"),
    ({"forced_eos_token_id": 1}, {"max_length": None}, "max_length")])
def test_a_config_that_cannot_be_met_is_refused_when_the_chain_is_made(options, more, says):
    with pytest.raises(GenerationError, match=says):
        make(options, **more)
