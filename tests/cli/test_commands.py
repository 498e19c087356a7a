"""The command line as a person meets it: the road from text to text."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import scratchgpt as sg
from scratchgpt import cli
from scratchgpt.cli import arguments
from scratchgpt.cli import evaluate as evaluate_command
from scratchgpt.cli import generate as generate_command
from scratchgpt.cli import inspect_model
from scratchgpt.cli import run as run_folder
from scratchgpt.cli import tasks
from scratchgpt.cli import train as train_command
from scratchgpt.errors import GenerationError
from tests.checks import checks
from tests.cli.support import ROOT, SMALL, TEXT, refused


@checks(cli.main, cli.build_parser, train_command.add_to, train_command.run, run_folder.Run)
def test_training_leaves_a_model_its_tokenizer_and_its_record(trained):
    for name in ("config.json", "model.safetensors", "char_vocab.json", "tokenizer_config.json", "training.safetensors",
                 "train.npy", "validation.npy", "settings.json", "loss.csv"):
        assert (trained / name).stat().st_size > 0
    assert not list(trained.glob(".*")), "a temporary file is left"
    tokens = [sg.load_tokens(trained / name) for name in ("train.npy", "validation.npy")]
    assert len(tokens[0]) + len(tokens[1]) == len(TEXT) and len(tokens[1]) == round(len(TEXT) / 10)


@checks(cli.main, train_command.run, generate_command.write_text)
def test_the_last_lines_name_the_validation_loss_and_print_a_sample(text, tmp_path, capsys):
    assert cli.main(["train", str(text), "--out", str(tmp_path / "r"), *SMALL]) == 0
    out, err = capsys.readouterr()
    assert "validation loss" in out and "nats per token" in out and out.index("a sample:") > out.index("validation loss")
    assert len(out.split("a sample:")[1].strip()) > 100
    assert "step 3: training loss" in err and "step 6: training loss" in err


@checks(generate_command.add_to, generate_command.run)
def test_generation_continues_the_prompt_and_repeats_itself_for_a_seed(trained, capsys):
    def write(*options):
        assert cli.main(["generate", "--model", str(trained), "--prompt", "the ", "--max-new-tokens", "30", *options]) == 0
        return capsys.readouterr().out
    first = write("--seed", "3", "--temperature", "0.9", "--top-k", "5", "--top-p", "0.9")
    assert first.startswith("the ") and len(first) == 4 + 30 + 1
    assert first == write("--seed", "3", "--temperature", "0.9", "--top-k", "5", "--top-p", "0.9")
    assert write("--greedy") == write("--greedy", "--seed", "9")


@checks(evaluate_command.add_to, evaluate_command.run)
def test_evaluation_prints_nats_perplexity_and_bits_per_byte(trained, text, capsys):
    assert cli.main(["evaluate", "--model", str(trained), str(text)]) == 0
    out = capsys.readouterr().out
    model, tokenizer = sg.GPT2.from_pretrained(trained), sg.AutoTokenizer.from_pretrained(trained)
    result = sg.evaluate(model, tokenizer.encode_array(TEXT), 8)
    assert f"{result.loss:.4f} nats per token" in out and f"{result.perplexity:.3f}" in out
    assert f"{result.loss / np.log(2):.4f}" in out                            # one byte a letter here


@checks(generate_command.load_language_model)
def test_a_folder_that_holds_an_encoder_decoder_is_pointed_to_its_own_command(tmp_path):
    config = sg.TransformerConfig(src_vocab_size=5, tgt_vocab_size=5, d_model=4, nhead=2, num_encoder_layers=1,
                                  num_decoder_layers=1, dim_feedforward=4)
    sg.Transformer(config, rng=np.random.default_rng(0)).save_pretrained(tmp_path)
    with pytest.raises(GenerationError, match="holds a transformer, .* use `scratchgpt translate`"):
        generate_command.load_language_model(tmp_path)


@checks(generate_command.write_text)
def test_a_token_of_the_model_that_its_tokenizer_lacks_writes_nothing(tmp_path, capsys):
    tokenizer = sg.CharTokenizer.train("ab")
    tokenizer.save_pretrained(tmp_path)
    config = sg.GPT2Config(vocab_size=64, n_positions=4, n_embd=8, n_layer=1, n_head=2)
    sg.GPT2(config, rng=np.random.default_rng(0)).save_pretrained(tmp_path)
    assert cli.main(["generate", "--model", str(tmp_path), "--prompt", "ab", "--max-new-tokens", "100"]) == 0
    out, err = capsys.readouterr()
    assert out[:2] == "ab" and out[-1] == "\n" and set(out[2:-1]) <= set("ab") and len(out) < 100 and not err


@checks(generate_command.run, evaluate_command.run, inspect_model.run)
def test_a_text_begins_with_bos_where_the_tokenizer_says_so_as_in_transformers(tmp_path, capsys):
    tokenizer = sg.BPETokenizer.train(TEXT, vocab_size=280)
    tokenizer.add_special_tokens({"bos_token": "<s>"})
    tokenizer.add_bos_token = True
    tokenizer.save_pretrained(tmp_path)
    config = sg.LlamaConfig(vocab_size=tokenizer.vocab_size, hidden_size=16, intermediate_size=8, num_hidden_layers=1,
                            num_attention_heads=2, max_position_embeddings=64, initializer_range=0.5)
    model = sg.Llama(config, rng=np.random.default_rng(0))
    model.save_pretrained(tmp_path)
    (tmp_path / "text").write_text(TEXT)
    ids = np.array([tokenizer.bos_token_id, *tokenizer.encode("the cat")])

    def said(*argv):
        assert cli.main([*map(str, argv), "--model", str(tmp_path)]) == 0
        return capsys.readouterr().out
    text = tokenizer.decode(sg.generate(model, ids[None], max_new_tokens=9)[0, 1:])
    assert said("generate", "--prompt", "the cat", "--greedy", "--max-new-tokens", 9) == text + "\n"
    assert len(said("generate", "--prompt", "", "--max-new-tokens", 9)) > 1
    assert said("inspect", "--next", "the cat", "-k", 3) == f"{sg.next_tokens(model, ids, tokenizer, 3)}\n"
    turned = np.append(ids, tokenizer.bos_token_id)                          # a special token is itself, as in a chat
    assert said("inspect", "--next", "the cat<s>", "-k", 3) == f"{sg.next_tokens(model, turned, tokenizer, 3)}\n"
    text = "<s>" + tokenizer.decode(sg.generate(model, turned[None], max_new_tokens=9)[0, len(turned):])
    assert said("generate", "--prompt", "the cat<s>", "--greedy", "--max-new-tokens", 9) == f"the cat{text}\n"
    result = sg.evaluate(model, np.array([tokenizer.bos_token_id, *tokenizer.encode(TEXT)]), 64)
    assert f"{result.loss:.4f} nats per token" in said("evaluate", tmp_path / "text")


@checks(train_command.run, run_folder.Run.resume, run_folder.Run.save)
def test_a_resumed_run_ends_where_a_longer_one_does(text, tmp_path, capsys):
    whole, halves = tmp_path / "whole", tmp_path / "halves"
    constant = [*SMALL, "--schedule", "constant", "--dropout", "0.1"]
    assert cli.main(["train", str(text), "--out", str(whole), *constant]) == 0
    assert cli.main(["train", str(text), "--out", str(halves), *constant, "--steps", "3"]) == 0
    assert cli.main(["train", "--resume", "--out", str(halves), "--steps", "6"]) == 0
    assert (whole / "model.safetensors").read_bytes() == (halves / "model.safetensors").read_bytes()
    capsys.readouterr()
    assert "complete with 6 steps" in refused(capsys, "train", "--resume", "--out", halves)


@checks(train_command.add_to, run_folder.Run.start)
@pytest.mark.parametrize("options", [["--tokenizer", "bpe", "--vocab-size", "270"], ["--checkpoint-activations"],
                                     ["--accumulate", "2", "--clip", "0"], ["--schedule", "wsd", "--min-lr", "0"],
                                     ["--schedule", "inverse-sqrt"], ["--schedule", "linear", "--dropout", "0.2"]])
def test_every_option_trains(text, tmp_path, options):
    assert cli.main(["train", str(text), "--out", str(tmp_path / "r"), *SMALL, *options]) == 0
    assert cli.main(["generate", "--model", str(tmp_path / "r"), "--prompt", "the", "--max-new-tokens", "3"]) == 0


@checks(run_folder.Run.start)
def test_the_tokenizer_of_an_earlier_run_can_be_used_again(trained, text, tmp_path):
    assert cli.main(["train", str(text), "--out", str(tmp_path / "r"), *SMALL, "--tokenizer", str(trained)]) == 0
    assert (tmp_path / "r" / "char_vocab.json").read_bytes() == (trained / "char_vocab.json").read_bytes()


@checks(tasks.Task.own_files, run_folder.default_out, train_command.run)
def test_without_a_text_it_trains_on_the_projects_own_and_finds_a_new_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert [path.name for path in tasks.TextTask.own_files()] == ["stories.txt"]
    for name in ("stories", "stories-2"):
        assert run_folder.default_out("text", []) == Path("runs") / name
        (tmp_path / "runs" / name).mkdir(parents=True)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "mine.txt").write_text(TEXT)
    assert tasks.TextTask.own_files() == [Path("data/mine.txt")]
    assert cli.main(["train", *SMALL]) == 0 and (tmp_path / "runs" / "stories-3" / "model.safetensors").exists()


@checks(cli.main)
def test_help_and_version(capsys):
    for argv in (["--help"], ["train", "--help"], ["generate", "--help"], ["evaluate", "--help"], ["--version"]):
        with pytest.raises(SystemExit) as leaving:
            cli.main(argv)
        assert leaving.value.code == 0
    out = capsys.readouterr().out
    assert "--checkpoint-activations" in out and out.strip().endswith(sg.__version__)


@checks(arguments.generator, run_folder.Run.describe, tasks.TextTask, tasks.TextTask.sample_rng)
def test_a_seed_is_a_generator_and_the_sample_has_its_own(trained):
    assert arguments.generator(3).random() == np.random.default_rng(3).random()
    folder = run_folder.Run.resume(trained, [], {"steps": 7})
    assert folder.task.sample_rng().random() == np.random.default_rng([0, 1]).random()
    assert f"{folder.trainer.model.num_parameters:,} parameters" in folder.describe()


@checks(cli.main)
def test_importing_takes_little_time_and_no_extra():
    code = ("import sys, time; t = time.perf_counter(); import scratchgpt; "
            "print(sorted({'torch', 'matplotlib', 'tqdm', 'cupy', 'hypothesis'} & set(sys.modules)))")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True,
                          env={**os.environ, "PYTHONPATH": str(ROOT)})
    assert done.stdout.strip() == "[]"
