"""The trainer: what a step does, and that a run which was stopped anywhere and resumed is the run that was not."""

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import scratchgpt as sg
from scratchgpt.training import (Progress, TextData, Trainer, TrainingConfig, draw_png, load_state, save_state,
                                 write_csv)
from scratchgpt.training.text import EVALUATED
from tests.checks import checks

STEPS = 9
TEXT = np.random.default_rng(7).integers(0, 11, 400).astype(np.uint16)


def make(dropout=0.1, accumulate=1, lr=1e-2, steps=STEPS, dtype=np.float32, seed=0):
    """A small run on a random text."""
    rng = np.random.default_rng(seed)
    config = sg.GPT2Config(vocab_size=11, n_positions=8, n_embd=8, n_layer=2, n_head=2, embd_pdrop=dropout,
                           attn_pdrop=dropout, resid_pdrop=dropout)
    model = sg.GPT2(config, rng=rng).astype(dtype)
    optimizer = sg.AdamW(model.parameters(), lr, (0.9, 0.99), weight_decay=0.1)
    return Trainer(model, optimizer, sg.schedule.cosine(lr, steps, 2), TextData(TEXT[:300], TEXT[300:], 8, 4),
                   TrainingConfig(steps, accumulate, 1.0, 4), rng)


def weights(trainer):
    return {name: array.copy() for name, array in trainer.model.state_dict().items()}


def assert_same(a, b):
    assert a.keys() == b.keys()
    for name in a:
        np.testing.assert_array_equal(a[name], b[name], err_msg=name)


@checks(Trainer, save_state, load_state)
@settings(max_examples=10)
@given(st.integers(0, STEPS - 1), st.sampled_from([1, 2]))
def test_a_run_stopped_at_any_step_and_resumed_is_bit_identical(tmp_path_factory, stop, accumulate):
    whole = make(accumulate=accumulate)
    assert whole.run() is True
    first = make(accumulate=accumulate)
    first.run(stop=lambda: first.step_count >= stop) if stop else None
    folder = tmp_path_factory.mktemp("run")
    save_state(first, folder)
    second = make(accumulate=accumulate, seed=5)                          # other weights and another generator at first
    load_state(second, folder)
    assert second.step_count == stop
    second.run()
    assert_same(weights(whole), weights(second))
    for mine, other in zip(whole.optimizer.state, second.optimizer.state):
        assert_same(mine, other)
    assert whole.rng.bit_generator.state == second.rng.bit_generator.state
    assert [row["validation_loss"] for row in whole.history] == [row["validation_loss"] for row in second.history]


@checks(Trainer.step)
def test_accumulation_has_the_gradient_of_the_batches_taken_together():
    together, apart = make(dropout=0, dtype=np.float64), make(dropout=0, accumulate=2, dtype=np.float64)
    batches = [sg.get_batch(TEXT[:300], 4, 8, np.random.default_rng(0)) for _ in range(2)]
    x, y = (np.concatenate([batch[i] for batch in batches]) for i in (0, 1))
    _, backward = together.model.loss(x, y)
    backward()
    for a, b in batches:
        _, backward = apart.model.loss(a, b)
        backward(b.size / y.size)
    for p, q in zip(together.model.parameters(), apart.model.parameters()):
        np.testing.assert_allclose(p.grad, q.grad, rtol=1e-11, atol=1e-15)


@checks(Trainer)
def test_training_lowers_the_loss():
    rhythm = np.tile(np.arange(7), 60).astype(np.uint16)
    trainer = make(dropout=0, steps=60)
    trainer.data = TextData(rhythm[:300], rhythm[300:], 8, 4)
    trainer.run()
    assert trainer.history[-1]["validation_loss"] < 0.5 * np.log(11) < trainer.history[0]["train_loss"] * 2


@checks(Trainer.step)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_loss_that_is_not_finite_stops_the_run_and_leaves_weights_and_optimizer_alone():
    trainer = make()
    trainer.step()
    before, steps = weights(trainer), trainer.optimizer.steps
    good = trainer.model.ln_f.weight.data.copy()
    trainer.model.ln_f.weight.data[:] = np.inf
    with pytest.raises(sg.TrainingError, match="step 1 .*smaller lr"):
        trainer.step()
    trainer.model.ln_f.weight.data[:] = good
    assert_same(before, weights(trainer))
    assert trainer.optimizer.steps == steps and trainer.step_count == 1


@checks(Trainer.run)
def test_every_step_and_every_evaluation_is_reported_and_the_last_sees_the_whole_held_out_text():
    trainer, steps, records = make(), [], []
    trainer.run(lambda t, loss, n: steps.append((t.step_count, n)), lambda t, record: records.append(record["step"]))
    assert steps == [(step, 4 * 8) for step in range(1, STEPS + 1)] and records == [4, 8, 9]
    assert trainer.history[-1]["validation_loss"] == sg.evaluate(trainer.model, TEXT[300:], 8).loss


@checks(TextData)
def test_an_evaluation_on_the_way_looks_at_the_beginning_of_a_long_text():
    model = sg.BigramLM(sg.BigramConfig(11), rng=np.random.default_rng(0))
    data = TextData(TEXT, np.tile(TEXT, EVALUATED // len(TEXT) + 1), 8, 4)
    assert data.evaluate(model, whole=False).tokens == EVALUATED - 1
    assert data.evaluate(model).tokens == len(data.validation) - 1


@checks(TextData)
def test_a_batch_of_text_is_what_get_batch_draws():
    (x, y), n = TextData(TEXT, TEXT, 8, 4).batch(np.random.default_rng(3))
    same = sg.get_batch(TEXT, 4, 8, np.random.default_rng(3))
    assert n == 32 and (x == same[0]).all() and (y == same[1]).all()


@checks(TextData)
@pytest.mark.parametrize("sizes, says", [((0, 4), "context"), ((8, 0), "batch_size"), ((8, 1.5), "batch_size")])
def test_batches_without_size_are_refused(sizes, says):
    with pytest.raises(sg.ConfigError, match=says):
        TextData(TEXT, TEXT, *sizes)


@checks(Trainer.step)
def test_label_smoothing_is_trained_with_and_not_evaluated_with():
    plain, smooth = make(dropout=0), make(dropout=0)
    smooth.config = TrainingConfig(STEPS, 1, 1.0, 4, label_smoothing=0.3)
    assert plain.data.evaluate(plain.model).loss == smooth.data.evaluate(smooth.model).loss
    x, y = smooth.data.batch(np.random.default_rng(0))[0]
    smooth.rng = np.random.default_rng(0)
    expected, _ = smooth.model.loss(x, y, label_smoothing=0.3)
    assert smooth.step()[0] == pytest.approx(float(expected), rel=1e-6)


@checks(load_state)
def test_the_state_of_another_model_is_refused_by_name(tmp_path):
    save_state(make(), tmp_path)
    other = make()
    other.model.h.pop()
    other.optimizer = sg.AdamW(other.model.parameters())
    with pytest.raises(sg.CheckpointError, match="training.safetensors.*unexpected"):
        load_state(other, tmp_path)


@checks(load_state)
@given(st.data())
def test_a_damaged_state_gives_one_kind_of_error(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("run")
    save_state(make(), folder)
    path = folder / "training.safetensors"
    content = bytearray(path.read_bytes())
    if data.draw(st.booleans()):
        del content[data.draw(st.integers(0, len(content) - 1)):]
    else:
        content[data.draw(st.integers(0, 3000))] ^= data.draw(st.integers(1, 255))
    path.write_bytes(content)
    try:
        load_state(make(), folder)
    except sg.CheckpointError as problem:
        assert "training.safetensors" in str(problem)


@checks(TrainingConfig)
@pytest.mark.parametrize("wrong", [{"steps": 0}, {"accumulate": -1}, {"eval_every": 0}, {"clip": -1.0},
                                   {"clip": float("nan")}, {"label_smoothing": 1.0}])
def test_a_config_without_sense_is_refused_by_name(wrong):
    with pytest.raises(sg.ConfigError, match=next(iter(wrong))):
        TrainingConfig(**wrong)


@checks(write_csv, draw_png)
def test_the_record_is_a_table_always_and_a_picture_where_matplotlib_is(tmp_path):
    trainer = make()
    trainer.run()
    write_csv(trainer.history, tmp_path / "loss.csv")
    lines = (tmp_path / "loss.csv").read_text().splitlines()
    assert lines[0].startswith("step,lr,train_loss,validation_loss") and len(lines) == 1 + len(trainer.history)
    drawn = draw_png(trainer.history, tmp_path / "loss.png")
    assert drawn == (tmp_path / "loss.png").exists()
    if drawn:
        assert (tmp_path / "loss.png").read_bytes().startswith(b"\x89PNG")


@checks(Progress)
def test_where_there_is_no_terminal_progress_is_plain_lines():
    out = io.StringIO()
    progress = Progress(10, file=out, seconds_between_lines=0)
    for step in range(10):
        progress.update(3.0 - step / 10, 100)
    progress.say("done")
    progress.close()
    lines = out.getvalue().splitlines()
    assert len(lines) == 11 and lines[0].startswith("step 1/10  loss 3.000") and "tokens/s" in lines[0]
    assert lines[9].endswith("0 s left") and lines[10] == "done"
