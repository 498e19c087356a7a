"""`scratchgpt generate` prints what the library answers: as a stream, as a whole, compared, explained, drawn."""

import io
import re
import shutil
import sys

import numpy as np
import pytest

import scratchgpt as sg
from scratchgpt import cli
from scratchgpt.cli import compare, explain
from scratchgpt.cli import generate as generate_command
from scratchgpt.decoding import GenerationConfig, sequence_logprob
from scratchgpt.decoding.constraints import heal
from scratchgpt.errors import GenerationError
from scratchgpt.views import token_labels
from tests.checks import checks
from tests.cli.support import TEXT, refused

PROMPT = "the "


@pytest.fixture(scope="module")
def folder(trained, tmp_path_factory):
    """The trained tokenizer with a larger context and opinions of its own."""
    out = tmp_path_factory.mktemp("models") / "decided"
    tokenizer = sg.AutoTokenizer.from_pretrained(trained)
    tokenizer.save_pretrained(out)
    config = sg.GPT2Config(vocab_size=tokenizer.vocab_size, n_positions=64, n_embd=8, n_layer=2, n_head=2,
                           initializer_range=1.0)
    sg.GPT2(config, rng=np.random.default_rng(1)).save_pretrained(out)
    return out


@pytest.fixture
def said(folder, capsys):
    """What a command line prints."""
    def say(*argv, model=folder):
        assert cli.main(["generate", "--model", str(model), "--prompt", PROMPT, *map(str, argv)]) == 0
        return capsys.readouterr().out
    return say


@pytest.fixture(scope="module")
def loaded(folder):
    model, tokenizer = sg.AutoModel.from_pretrained(folder), sg.AutoTokenizer.from_pretrained(folder)
    return model, tokenizer, tokenizer.encode_array(PROMPT)[None]


def answer(loaded, **options):
    """The GenerationOutput, and its texts."""
    model, tokenizer, ids = loaded
    output = sg.generate(model, ids, tokenizer=tokenizer, return_dict_in_generate=True, **options)
    return output, output.texts(tokenizer)


@checks(generate_command.run, generate_command.write_text)
@pytest.mark.parametrize("line, options", [
    (["--greedy"], {}), (["--greedy", "--stop-strings", "t", "ca"], {"stop_strings": ["t", "ca"]}),
    (["--greedy", "--stop-strings", "t", "--include-stop-str-in-output"], {"stop_strings": "t",
                                                                         "include_stop_str_in_output": True}),
    (["--greedy", "--repetition-penalty", 1.5, "--no-repeat-ngram-size", 2], {"repetition_penalty": 1.5,
                                                                             "no_repeat_ngram_size": 2}),
    (["--seed", 4, "--top-p", 0.7, "--eos-token-id", "[3, 4]"], {"top_p": 0.7, "eos_token_id": [3, 4], "rng": 4}),
    (["--seed", 4, "--mirostat", 2, "--mirostat-tau", 3], {"mirostat": 2, "mirostat_tau": 3.0, "rng": 4}),
    (["--greedy", "--regex", "[a-d]+", "--eos-token-id", 0], {"regex": "[a-d]+", "eos_token_id": 0}),
    (["--greedy", "--prompt-lookup-num-tokens", 3], {}), (["--greedy", "--assistant-early-exit", 1], {}),
    (["--greedy", "--cache-implementation", "static"], {}), (["--greedy", "--no-use-cache"], {}),
    (["--num-beams", 3], {"num_beams": 3}), (["--num-beams", 3, "--length-penalty", "-1"], {"num_beams": 3,
                                                                                         "length_penalty": -1.0}),
    (["--penalty-alpha", 0.6, "--top-k", 3], {"penalty_alpha": 0.6, "top_k": 3}),
    (["--greedy", "--dola-layers", "low"], {"dola_layers": "low"})])
def test_it_prints_the_prompt_and_the_text_that_generate_answers(said, loaded, line, options):
    rng = {"rng": np.random.default_rng(options["rng"])} if "rng" in options else {}
    text, = answer(loaded, max_new_tokens=12, **{**options, **rng})[1]
    assert said("--max-new-tokens", 12, *line) == f"{PROMPT}{text}\n"


@checks(generate_command.run)
def test_words_may_be_forbidden_as_text_and_a_model_may_draft_or_steer(said, loaded, folder):
    model, tokenizer, ids = loaded
    usual = said("--greedy", "--max-new-tokens", 12)
    letter = usual[-2]
    assert letter not in said("--greedy", "--max-new-tokens", 12, "--bad-words", letter)[len(PROMPT):-1] != ""
    assert said("--greedy", "--max-new-tokens", 12, "--assistant-model", folder) == usual
    steered, = answer(loaded, max_new_tokens=12, guidance_scale=3.0,
                      negative_prompt_ids=tokenizer.encode_array("cat")[None])[1]
    assert said("--greedy", "--max-new-tokens", 12, "--guidance-scale", 3, "--negative-prompt", "cat") == \
        f"{PROMPT}{steered}\n" != usual


@checks(generate_command.run)
def test_the_folders_own_config_gives_the_defaults_and_the_line_wins(said, loaded, folder, tmp_path):
    decided = tmp_path / "decided"
    shutil.copytree(folder, decided)
    GenerationConfig(max_length=9, num_beams=3, do_sample=False).save_pretrained(decided)
    text = answer(loaded, max_length=9, num_beams=3)[1][0]
    assert said(model=decided) == f"{PROMPT}{text}\n" and len(text) == 5
    assert said("--greedy", "--max-new-tokens", 12, model=decided) == said("--greedy", "--max-new-tokens", 12)


@checks(generate_command.run)
def test_a_healed_prompt_is_printed_once(tmp_path, capsys):
    tokenizer = sg.BPETokenizer.train(TEXT, vocab_size=300)
    tokenizer.save_pretrained(tmp_path)
    config = sg.GPT2Config(vocab_size=300, n_positions=32, n_embd=8, n_layer=1, n_head=2, initializer_range=1.0)
    sg.GPT2(config, rng=np.random.default_rng(0)).save_pretrained(tmp_path)
    prompt = "the cat sat o"
    assert heal(tokenizer.encode_array(prompt), tokenizer)[1] != b""
    for argv in (["--greedy"], ["--num-beams", "2"], ["--compare", "greedy"]):
        assert cli.main(["generate", "--model", str(tmp_path), "--prompt", prompt, "--token-healing",
                         "--max-new-tokens", "3", *argv]) == 0
        out = capsys.readouterr().out
        assert out.split(" per token of 3\n")[-1].startswith(prompt) and out.count("the cat") == 1


@checks(generate_command.run, compare.likelihood)
def test_several_texts_are_numbered_each_with_its_log_probability(said, loaded):
    model, tokenizer, ids = loaded
    for line, options in ((["--num-beams", 4], {"num_beams": 4}), (["--seed", 2], {"rng": np.random.default_rng(2)})):
        out = said("--num-return-sequences", 3, "--max-new-tokens", 5, *line)
        output, texts = answer(loaded, num_return_sequences=3, max_new_tokens=5, **options)
        total = sequence_logprob(model, output.sequences, ids.shape[1])
        assert out == "\n".join(f"{i + 1} of 3: log-probability {total[i]:.2f} nats, {total[i] / 5:.2f} per token of 5\n"
                                f"{PROMPT}{text}\n" for i, text in enumerate(texts))


@checks(compare.names, compare.preset, compare.lines, compare.likelihood)
def test_strategies_stand_side_by_side_with_their_log_probabilities(said, loaded):
    model, tokenizer, ids = loaded
    out = said("--compare", ",".join(compare.PRESETS), "--max-new-tokens", 10)
    blocks = re.findall(r"^(\w+): log-probability (\S+) nats, (\S+) per token of (\d+)\n(the [^\n]*(?:\n(?!\w+: ).*)*?)\n$",
                        out, re.M)
    assert [block[0] for block in blocks] == list(compare.PRESETS)
    for name, total, each, n, _ in blocks:
        options, drawn = compare.preset(name, {"max_new_tokens": 10})
        output, (text,) = answer(loaded, rng=np.random.default_rng(0) if drawn else None, **options)
        assert f"{name}: {compare.likelihood(model, output, 0)}\n{PROMPT}{text}\n" in out and int(n) == 10
        expected = sequence_logprob(model, output.sequences, ids.shape[1])[0]
        assert float(total) == round(expected, 2) and float(each) == round(expected / 10, 2)
    drafted = {name: block for name, *block in blocks if name in ("greedy", "lookup", "lookahead", "early_exit")}
    assert len(drafted) == 4 and all(block == drafted["greedy"] for block in drafted.values())


@checks(compare.preset)
def test_options_of_the_line_reach_the_strategies_that_have_a_use_for_them():
    asked = {"max_new_tokens": 5, "num_beams": 2, "length_penalty": 2.0, "temperature": 0.5, "top_k": 3,
             "repetition_penalty": 1.2, "do_sample": False, "num_return_sequences": 2}
    shared = {"max_new_tokens": 5, "repetition_penalty": 1.2}
    assert compare.preset("greedy", asked) == (shared, False)
    assert compare.preset("beam", asked) == ({**shared, "num_beams": 2, "length_penalty": 2.0}, False)
    assert compare.preset("top_p", asked) == ({**shared, "temperature": 0.5, "top_p": 0.9}, True)
    assert compare.preset("top_k", asked) == ({**shared, "temperature": 0.5, "top_k": 3}, True)
    assert compare.preset("contrastive", asked) == ({**shared, "penalty_alpha": 0.6, "top_k": 3}, False)
    for name in compare.PRESETS:
        assert GenerationConfig(**compare.preset(name, {"max_new_tokens": 5})[0])


@checks(compare.likelihood)
def test_a_text_beyond_the_context_has_a_log_probability_too(said):
    out = said("--compare", "greedy", "--max-new-tokens", 100)
    assert re.match(r"greedy: log-probability -\d+\.\d\d nats, -\d+\.\d\d per token of 100\n", out)


@checks(generate_command.run, explain.print_steps)
def test_explain_prints_each_step_with_its_candidates_and_who_removed_them(said, loaded):
    model, tokenizer, ids = loaded
    out = said("--explain", 3, "--max-new-tokens", 4, "--top-k", 2, "--seed", 1)
    output, (text,) = answer(loaded, max_new_tokens=4, top_k=2, rng=np.random.default_rng(1), output_candidates=3,
                             output_trace=True)
    table = output.candidates.table(tokenizer, output.trace.why)
    assert out.startswith(f"{PROMPT}{text}\n\n{table}\n\n")
    assert table.count("top_k") == 4 and table.count("processed") == 4 and table.count("[") == 4
    third, V = token_labels(output.candidates.ids[0, :, 2], tokenizer), model.config.vocab_size
    assert out.splitlines()[-4:] == [f"step {i + 1}: top_k removed {V - 2}, the likeliest {third[i]}, and left 2"
                                     for i in range(4)]
    assert re.search(r"^ +1  the␣ +\S.* \d+\.\d%", out, re.M)
    assert len(said("--explain", "--greedy").split("\n\n")[1].splitlines()) == 1 + generate_command.SHORT
    assert said("--explain", 2, "--num-beams", 2, "--max-new-tokens", 3).count("[") == 3


@checks(generate_command.run, explain.draw_step, explain.draw_beams)
def test_pictures_are_drawn_of_the_first_step_and_of_the_beams(said, folder, tmp_path, monkeypatch, capsys, loaded):
    pytest.importorskip("matplotlib")
    model, tokenizer, ids = loaded
    drawn = {}
    for name in ("softmax_temperatures", "probability_cuts", "beam_tree"):
        def draw(*given, name=name, real=getattr(sg.plots, name), **options):
            drawn[name] = given
            return real(*given, **options)
        monkeypatch.setattr(sg.plots, name, draw)
    files = [tmp_path / name for name in ("t.png", "c.svg", "b.pdf")]
    out = said("--plot-temperatures", files[0], "--plot-cuts", files[1], "--plot-beams", files[2], "--num-beams", 3,
               "--max-new-tokens", 4)
    assert all(path.stat().st_size > 0 for path in files) and out == said("--num-beams", 3, "--max-new-tokens", 4)
    scores = model.next_logits(ids)[0]
    np.testing.assert_array_equal(drawn["softmax_temperatures"][0], scores)
    np.testing.assert_array_equal(drawn["probability_cuts"][0], scores)
    assert drawn["probability_cuts"][1:3] == (10, 0.9) and drawn["beam_tree"][0].width == 3
    assert drawn["softmax_temperatures"][1][ids[0, 0]] == b"t"
    said("--plot-cuts", files[1], "--top-k", 5, "--top-p", 0.5, "--max-new-tokens", 1)
    assert drawn["probability_cuts"][1:3] == (5, 0.5)


@checks(generate_command.run, generate_command.add_to, compare.names)
@pytest.mark.parametrize("line, says", [
    (["--compare", "greedy,fast"], "must be names from greedy, .*; got 'fast'"), (["--compare", ""], "got ''"),
    (["--compare", "greedy", "--explain"], "leave them out with --compare"),
    (["--plot-beams", "b.png"], "add --num-beams"), (["--plot-cuts", "b.gif"], "b.gif"),
    (["--greedy", "--num-return-sequences", "2"], "num_return_sequences=2"), (["--explain", "0"], "--explain"),
    (["--explain", "1000"], "vocab_size"), (["--num-beams", "2", "--mirostat", "2"], "one search at a time"),
    (["--length-penalty", "2"], "length_penalty acts only with num_beams"), (["--temperature", "-1"], "--temperature"),
    (["--assistant-model", "nowhere"], "nowhere"), (["--suppress-tokens", "[999]"], "999"),
    (["--eos-token-id", "999"], "999"), (["--regex", "(", "--eos-token-id", "0"], "regular expression|regex|pattern"),
    (["--bad-words", "Q"], "'Q'"), (["--sequence-bias", "[[[999], 1]]"], "999"),
    (["--compare", "beam", "--num-return-sequences", "2"], "one text of each"),
    (["--compare", "greedy,beam", "--max-new-tokens", "0"], "leave out .*--max-new-tokens 0"),
    (["--num-beams", "2", "--plot-beams", "nowhere/b.png"], "--plot-beams nowhere/b.png: there is no such folder"),
    (["--prompt", 65 * "a"], "context of 64 tokens; got 65: shorten --prompt"),
    (["--prompt", "", "--bos-token-id", "999"], "999")])
def test_a_request_that_cannot_be_met_gets_one_sentence(folder, capsys, tmp_path, monkeypatch, line, says):
    monkeypatch.chdir(tmp_path)
    if "--plot-beams" in line:
        pytest.importorskip("matplotlib")
    assert re.search(says, refused(capsys, "generate", "--model", folder, "--prompt", PROMPT, *line, prints=""))
    assert not list(tmp_path.iterdir())


@checks(generate_command.run, explain.print_steps)
def test_nothing_said_is_nothing_to_explain(said):
    assert said("--max-new-tokens", 0, "--explain").strip() == PROMPT.strip()


@checks(generate_command.run, explain.draw_step)
def test_behind_an_empty_prompt_the_bos_is_what_is_continued_and_drawn(said, tmp_path, loaded, monkeypatch):
    pytest.importorskip("matplotlib")
    drawn, (model, tokenizer, _) = [], loaded
    monkeypatch.setattr(sg.plots, "probability_cuts", lambda scores, *rest: drawn.append(scores))
    text, = sg.generate(model, bos_token_id=1, max_new_tokens=4, return_dict_in_generate=True).texts(tokenizer)
    line = ["--prompt", "", "--bos-token-id", 1, "--max-new-tokens", 4, "--greedy"]
    assert said(*line, "--plot-cuts", tmp_path / "x.png") == text + "\n"
    np.testing.assert_array_equal(drawn, [model.next_logits(np.array([[1]]))[0]])
    assert said(*line[:-1], "--compare", "greedy").split("\n", 1)[1].rstrip("\n") == text.rstrip("\n")


@checks(cli.main)
def test_what_a_terminal_cannot_write_comes_out_as_a_question_mark(folder, monkeypatch):
    terminal = io.TextIOWrapper(io.BytesIO(), "ascii")
    monkeypatch.setattr(sys, "stdout", terminal)
    assert cli.main(["generate", "--model", str(folder), "--prompt", PROMPT, "--max-new-tokens", "2", "--explain"]) == 0
    terminal.flush()
    assert b"the?" in terminal.buffer.getvalue()                       # the space is shown as a sign that is not ASCII


@checks(generate_command.write_text)
def test_nothing_is_written_where_the_first_piece_is_an_error():
    def pieces(n):
        yield from "abc"[:n]
        raise GenerationError("no")
    for n, written in ((0, ""), (2, "> ab")):
        file = io.StringIO()
        with pytest.raises(GenerationError):
            generate_command.write_text("> ", pieces(n), file)
        assert file.getvalue() == written
    file = io.StringIO()
    generate_command.write_text("> ", [], file)
    assert file.getvalue() == "> \n"
