"""Pairs: lines are read strictly, what is held out is new, pads change nothing, and many are answered as one is."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import scratchgpt as sg
from scratchgpt.training import (Answering, PairData, Trainer, TrainingConfig, Translation, answers, format_pairs,
                                 load_state, pair_data, pair_length, parse_pairs, save_state, split_pairs,
                                 translations)
from scratchgpt.training.batches import IGNORED
from tests.checks import checks

PAD, BOS, EOS, VOCAB = 0, 1, 2, 9
side = st.text(st.characters(exclude_categories=["Cs", "Zs", "Cc", "Zl", "Zp"]), min_size=1)
lines = st.lists(st.tuples(side, side), min_size=1, max_size=20)
ids = st.lists(st.integers(3, VOCAB - 1), min_size=1, max_size=7)
PAIRS = [([3 + a, 3 + b, 4], [3 + b, 3 + a][:1 + a % 2]) for a in range(6) for b in range(6)]


def transformer(dropout=0.0, seed=0):
    config = sg.TransformerConfig(src_vocab_size=VOCAB, tgt_vocab_size=VOCAB, d_model=8, nhead=2, num_encoder_layers=1,
                                  num_decoder_layers=1, dim_feedforward=16, dropout=dropout, share_embeddings=True,
                                  pad_token_id=PAD, bos_token_id=BOS, eos_token_id=EOS)
    return sg.Transformer(config, rng=np.random.default_rng(seed))


def decoder(dropout=0.0, seed=0, **options):
    config = sg.QuestionAnsweringConfig(vocab_size=VOCAB, n_positions=40, n_embd=8, n_head=2, head_dim=4, n_inner=16,
                                        n_layer=1, dropout=dropout, initializer_range=0.3)
    return sg.QuestionAnsweringGPT(config, rng=np.random.default_rng(seed), **options)


TASKS = [(transformer, Translation(BOS, EOS, PAD)), (decoder, Answering(EOS, PAD))]


@checks(parse_pairs, format_pairs)
@given(lines)
def test_pairs_come_back_from_their_lines(pairs):
    text = format_pairs(pairs)
    assert parse_pairs(text, "a.tsv") == pairs
    assert parse_pairs(text.removesuffix("\n"), "a.tsv") == parse_pairs(text.replace("\n", "\r\n"), "a.tsv") == pairs


@checks(parse_pairs)
@pytest.mark.parametrize("line, says", [
    ("no tab", "0 tabs"), ("two\ttabs\there", "2 tabs"), ("", "0 tabs"), ("\tright", "nothing before"),
    ("left\t", "nothing after"), ("left\t  ", "nothing after")])
def test_a_line_that_is_no_pair_is_named_by_its_number(line, says):
    with pytest.raises(sg.DataError, match=rf"a\.tsv, line 3: must be .*{says}"):
        parse_pairs(f"a\tb\nc\td\n{line}\ne\tf\n", "a.tsv")


@checks(split_pairs)
@given(lines, st.floats(0, 0.9), st.integers(0, 9))
def test_a_split_loses_nothing_and_holds_out_what_is_new(pairs, share, seed):
    lefts = {left for left, _ in pairs}
    if len(lefts) < 2:
        with pytest.raises(sg.DataError, match="two different left sides"):
            split_pairs(pairs, np.random.default_rng(seed), share)
        return
    train, held_out = split_pairs(pairs, np.random.default_rng(seed), share)
    assert sorted(train + held_out) == sorted(pairs)
    assert not {left for left, _ in train} & {left for left, _ in held_out}
    assert len({left for left, _ in held_out}) == max(1, round(share * len(lefts)))
    assert (train, held_out) == split_pairs(pairs, np.random.default_rng(seed), share)


@checks(Translation)
@given(st.lists(st.tuples(ids, ids), min_size=1, max_size=5))
def test_a_translation_is_shifted_by_one_and_padded_behind(pairs):
    (source, inputs, targets), n = Translation(BOS, EOS, PAD)(pairs)
    assert n == sum(len(right) + 1 for _, right in pairs) == (targets != IGNORED).sum()
    for row, (left, right) in enumerate(pairs):
        assert source[row].tolist() == left + [PAD] * (source.shape[1] - len(left))
        assert inputs[row, :len(right) + 1].tolist() == [BOS, *right] and (inputs[row, len(right) + 1:] == PAD).all()
        assert targets[row, :len(right) + 1].tolist() == [*right, EOS]


@checks(Answering, pair_length)
@given(st.lists(st.tuples(ids, ids), min_size=1, max_size=5))
def test_only_an_answer_and_its_end_count(pairs):
    (rows, targets), n = Answering(EOS, PAD)(pairs)
    assert n == sum(len(right) + 1 for _, right in pairs) == (targets != IGNORED).sum()
    for row, target, (left, right) in zip(rows, targets, pairs):
        whole = [*left, EOS, *right, EOS]
        assert row.tolist() == whole[:-1] + [PAD] * (len(row) - len(whole) + 1)
        assert pair_length((left, right)) == len(whole) - 1
        counts = target != IGNORED
        assert np.flatnonzero(counts).tolist() == list(range(len(left), len(left) + len(right) + 1))
        assert target[counts].tolist() == whole[len(left) + 1:]


@checks(PairData, Translation, Answering)
@pytest.mark.parametrize("make, arrange", TASKS)
@settings(max_examples=10)
@given(st.lists(st.tuples(ids, ids), min_size=2, max_size=5), st.integers(0, 99))
def test_pads_change_neither_loss_nor_gradient(make, arrange, pairs, seed):
    model = make(seed=seed).astype(np.float64)
    (arguments, n), total = arrange(pairs), 0.0
    loss, backward = model.loss(*arguments)
    backward()
    together = [parameter.grad.copy() for parameter in model.parameters()]
    model.zero_grad()
    for pair in pairs:
        alone, count = arrange([pair])
        one, backward = model.loss(*alone)
        backward(count / n)
        total += float(one) * count / n
    assert float(loss) == pytest.approx(total, rel=1e-11)
    for parameter, grad in zip(model.parameters(), together):
        np.testing.assert_allclose(parameter.grad, grad, rtol=1e-9, atol=1e-12)
    assert PairData(pairs, pairs, arrange, 2).evaluate(model).loss == pytest.approx(total, rel=1e-11)


@checks(PairData.batch)
def test_every_pair_is_drawn_as_often():
    def arrange(batch):
        return tuple(left[0] for left, _ in batch), len(batch)
    data = PairData([([i], [i]) for i in range(8)], [], arrange, 16)
    batches = [data.batch(np.random.default_rng(seed)) for seed in range(500)]
    assert all(n == len(drawn) == 16 for drawn, n in batches)
    share = np.bincount([i for drawn, _ in batches for i in drawn]) / (500 * 16)
    np.testing.assert_allclose(share, 1 / 8, atol=0.02)                   # three standard deviations are 0.011
    assert batches[0] == data.batch(np.random.default_rng(0))


@checks(PairData.evaluate)
def test_on_the_way_not_all_of_many_pairs_are_looked_at(monkeypatch):
    monkeypatch.setattr(pair_data, "EVALUATED", 20)
    model, arrange = transformer(), Translation(BOS, EOS, PAD)
    data = PairData(PAIRS, PAIRS, arrange, 4)
    looked_at = data.evaluate(model, whole=False).tokens
    assert 0 < looked_at < data.evaluate(model).tokens == sum(len(right) + 1 for _, right in PAIRS)


@checks(PairData)
@pytest.mark.parametrize("size", [0, 1.5, None])
def test_batches_without_size_are_refused(size):
    with pytest.raises(sg.ConfigError, match="batch_size"):
        PairData(PAIRS, PAIRS, Answering(EOS, PAD), size)


@checks(pair_data.by_length, pair_data.rows)
@given(st.lists(ids, min_size=1, max_size=20), st.integers(1, 6))
def test_rows_are_sorted_by_length_and_filled_up_behind(texts, size):
    chunks = pair_data.by_length(texts, len, size)
    order = [i for chunk in chunks for i in chunk]
    assert sorted(order) == list(range(len(texts))) and max(map(len, chunks)) <= size
    assert [len(texts[i]) for i in order] == sorted(map(len, texts))
    array = pair_data.rows(texts, -1)
    assert array.shape == (len(texts), max(map(len, texts))) and array.dtype == np.int64
    assert [[i for i in row if i >= 0] for row in array.tolist()] == texts


@checks(Trainer, PairData, save_state, load_state)
@pytest.mark.parametrize("make, arrange", TASKS)
def test_a_run_on_pairs_that_was_stopped_and_resumed_is_bit_identical(tmp_path, make, arrange):
    def trainer(seed=0):
        model = make(dropout=0.1, seed=seed)
        return Trainer(model, sg.AdamW(model.parameters(), 1e-2), sg.schedule.constant(1e-2),
                       PairData(PAIRS[6:], PAIRS[:6], arrange, 4), TrainingConfig(6, 2, 1.0, 3, 0.1),
                       np.random.default_rng(seed))
    whole, first, second = trainer(), trainer(), trainer(5)
    whole.run()
    first.run(stop=lambda: first.step_count >= 2)
    save_state(first, tmp_path)
    load_state(second, tmp_path)
    second.run()
    for name, array in whole.model.state_dict().items():
        np.testing.assert_array_equal(array, second.model.state_dict()[name], err_msg=name)
    assert [row["validation_loss"] for row in whole.history] == [row["validation_loss"] for row in second.history]
    assert whole.history[-1]["train_loss"] < whole.history[0]["train_loss"] + 0.5


def letters():
    """A tokenizer of six letters for the models above."""
    tokenizer = sg.CharTokenizer("abcdef", ["<pad>", "<bos>", "<eos>"])
    tokenizer.pad_token, tokenizer.bos_token, tokenizer.eos_token = "<pad>", "<bos>", "<eos>"
    return tokenizer


texts = st.lists(st.text("abcdef", min_size=1, max_size=9), min_size=1, max_size=6)


@checks(answers)
@settings(max_examples=15)
@given(texts, st.integers(0, 99))
def test_questions_together_get_the_answers_that_each_gets_alone(questions, seed):
    model = decoder(seed=seed, tokenizer=letters())
    together = answers(model, questions)
    for question, said in zip(questions, together):
        room = 40 - max(map(len, questions)) - 1
        special = letters().decode([0]), letters().decode([1])
        alone = model.answer(question, max_new_tokens=room)
        assert said == alone.replace(special[0], "").replace(special[1], "")


@checks(translations)
@settings(max_examples=15)
@given(texts, st.integers(0, 99))
def test_sources_together_get_the_translations_that_each_gets_alone(sources, seed):
    model = transformer(seed=seed)
    together = translations(model, letters(), sources)
    assert together == [translations(model, letters(), [source])[0] for source in sources]
    assert all(set(text) <= set("abcdef") and len(text) <= 100 for text in together)


@checks(answers, translations)
def test_what_cannot_be_answered_is_refused():
    model = decoder(tokenizer=letters())
    with pytest.raises(sg.GenerationError, match="at least one token"):
        answers(model, ["a", ""])
    with pytest.raises(sg.GenerationError, match="at least one token"):
        translations(transformer(), letters(), [""])
    with pytest.raises(sg.GenerationError, match="leave room"):
        answers(model, ["a" * 40])
    with pytest.raises(sg.GenerationError, match="need a tokenizer"):
        answers(decoder(), ["a"])
