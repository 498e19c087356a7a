"""`inspect`: the list of a folder's tensors, of any architecture; its pictures and its table; and every refusal."""

import json
import shutil
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import scratchgpt as sg
from scratchgpt import cli
from scratchgpt.checkpoint import save_file
from scratchgpt.cli import inspect_model
from scratchgpt.cli.tensor_list import Group, group_tensors, part_of, printable
from scratchgpt.formulas.number_formats import Packed
from scratchgpt.views import next_tokens
from tests.checks import checks
from tests.cli.support import refused


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A folder with a GPT-2 of one layer and its tokenizer."""
    folder = tmp_path_factory.mktemp("small")
    tokenizer = sg.CharTokenizer.train("the cat sat on the mat. a dog ran.")
    tokenizer.save_pretrained(folder)
    config = sg.GPT2Config(vocab_size=tokenizer.vocab_size, n_positions=8, n_embd=8, n_layer=1, n_head=2)
    sg.GPT2(config, rng=np.random.default_rng(0)).save_pretrained(folder)
    return folder


def lines(capsys, *argv):
    """What `inspect` prints."""
    assert cli.main(["inspect", *map(str, argv)]) == 0
    out, err = capsys.readouterr()
    assert not err
    return out.splitlines()


def foreign(folder, tensors, **config):
    """A folder as the field has them, of an architecture that nobody here can run."""
    folder.mkdir()
    save_file(tensors, folder / "model.safetensors")
    if config:
        (folder / "config.json").write_text(json.dumps(config))
    return folder


def numbers(line):
    return [int(word.replace(",", "")) for word in line.split() if word.replace(",", "").isdigit()]


@checks(inspect_model.add_to, inspect_model.run, inspect_model.listing)
def test_the_list_counts_what_the_model_counts(small, capsys):
    said, model = lines(capsys, "--model", small), sg.GPT2.from_pretrained(small)
    text = "\n".join(said)
    assert "model type   gpt2" in said and "n_embd 8" in text and "tied to the embeddings" in text
    total, = (line for line in said if line.startswith("total"))
    assert numbers(total)[0] == model.num_parameters and "16 tensors" in said
    parts = {line.split()[0]: numbers(line)[0] for line in said if line.split()[:1] and "%" in line}
    V, P, C = model.config.vocab_size, 8, 8
    assert parts == {"embeddings": (V + P) * C, "attention": 4 * C * C + 4 * C, "mlp": 8 * C * C + 5 * C,
                     "norms": 6 * C}


@checks(inspect_model.listing, group_tensors)
def test_layers_that_are_alike_are_shown_once_and_with_all_one_by_one(tmp_path, capsys):
    config = sg.GPT2Config(vocab_size=11, n_positions=4, n_embd=8, n_layer=12, n_head=2)
    sg.GPT2(config, rng=np.random.default_rng(0)).save_pretrained(tmp_path)
    short, whole = (lines(capsys, "--model", tmp_path, *more) for more in ([], ["--all"]))
    row, = (line for line in short if "attn.c_attn.weight" in line)
    assert row.split() == ["transformer.h.0..11.attn.c_attn.weight", "8x24", "float32", "x", "12", "2,304", "9,216"]
    names = [line.split()[0] for line in whole if line.startswith("transformer.")]
    assert len(names) == config.num_tensors and len(set(names)) == len(names)
    assert names.index("transformer.h.2.ln_1.bias") < names.index("transformer.h.10.ln_1.bias")
    assert short[-8:] == whole[-8:]                                            # the sums are the same
    assert max(map(len, short)) <= 120


@checks(inspect_model.listing)
def test_shards_are_listed_as_one_file_is(tmp_path, capsys):
    config = sg.GPT2Config(vocab_size=11, n_positions=4, n_embd=8, n_layer=2, n_head=2)
    model = sg.GPT2(config, rng=np.random.default_rng(0))
    model.save_pretrained(tmp_path / "whole")
    model.save_pretrained(tmp_path / "parts", max_shard_size=2000)
    assert len(list((tmp_path / "parts").glob("*.safetensors"))) > 1
    whole, parts = (lines(capsys, "--model", tmp_path / name) for name in ("whole", "parts"))
    assert whole[1:] == parts[1:] and parts[0].endswith("index.json")
    alone = lines(capsys, "--model", tmp_path / "whole" / "model.safetensors")
    assert "none beside the weights" in alone[1] and whole[4:22] == alone[3:21]


MAMMOTH = {"model.embed_tokens.weight": np.zeros((50, 4), np.float16), "lm_head.weight": np.zeros((50, 4), np.float16),
           "model.layers.0.odd.weight": np.zeros((), np.float64), "model.norm.weight": np.zeros(4, np.float32)}
for i in range(3):
    MAMMOTH[f"model.layers.{i}.self_attn.q_proj.weight"] = Packed(np.zeros((4, 4), np.uint16), "bfloat16")
    MAMMOTH |= {f"model.layers.{i}.mlp.experts.{e}.up.weight": np.zeros((4, 2), np.int8) for e in range(5)}


@checks(inspect_model.listing, group_tensors, Group)
def test_an_architecture_that_cannot_be_run_is_listed_in_the_dtypes_it_has(tmp_path, capsys):
    folder = foreign(tmp_path / "m", MAMMOTH, model_type="mammoth", hidden_size=4, eos_token_id=9, use_tusks=True)
    said = lines(capsys, "--model", folder)
    text = "\n".join(said)
    assert "mammoth, which cannot be run here" in text and "hidden_size 4" in text
    assert "eos_token_id" not in text and "use_tusks" not in text
    rows = {line.split()[0]: line.split()[1:] for line in said if line.startswith(("model.", "lm_head"))}
    assert rows["model.layers.0..2.self_attn.q_proj.weight"] == ["4x4", "bfloat16", "x", "3", "48", "96"]
    assert rows["model.layers.0..2.mlp.experts.0..4.up.weight"] == ["4x2", "int8", "x", "15", "120", "120"]
    assert rows["model.layers.0.odd.weight"] == ["()", "float64", "1", "8"]
    assert list(rows)[0] == "model.embed_tokens.weight" and list(rows)[-1] == "lm_head.weight"
    assert "tied" not in text and sum(numbers(line)[0] for line in said if "%" in line) == 200 + 200 + 48 + 120 + 1 + 4
    assert refused(capsys, "inspect", "--model", folder, "--next", "x")


@checks(inspect_model.listing)
def test_a_gigabyte_is_listed_from_its_header_alone(tmp_path, capsys):
    entry = {"dtype": "F32", "shape": [1 << 14, 1 << 14], "data_offsets": [0, 1 << 30]}
    header = json.dumps({"w.weight": entry}).encode()
    with open(tmp_path / "model.safetensors", "wb") as file:
        file.write(len(header).to_bytes(8, "little") + header)
        file.truncate(8 + len(header) + (1 << 30))                             # a hole, which takes no room on the disk
    tracemalloc.start()
    try:
        said = lines(capsys, "--model", tmp_path)
        assert tracemalloc.get_traced_memory()[1] < 4_000_000
    finally:
        tracemalloc.stop()
    assert any("268,435,456" in line and "1,073,741,824" in line for line in said)


@checks(inspect_model.listing)
@pytest.mark.parametrize("config, head, says, total", [
    (dict(model_type="gpt2"), False, "is tied to the embeddings: the same table", 8),
    (dict(model_type="gpt2"), True, "its copy in the file is counted once", 8),
    (dict(model_type="x", tie_word_embeddings=True), True, "its copy in the file is counted once", 8),
    (dict(model_type="x", tie_word_embeddings=False), True, None, 16),
    (dict(model_type="x"), False, "tied to the embeddings, or none", 8),
    ({}, False, "tied to the embeddings, or none", 8)])
def test_tied_weights_are_said_and_counted_once(tmp_path, capsys, config, head, says, total):
    tensors = {"wte.weight": np.zeros((4, 2)), **({"lm_head.weight": np.zeros((4, 2))} if head else {})}
    said = lines(capsys, "--model", foreign(tmp_path / "m", tensors, **config))
    assert numbers(next(line for line in said if line.startswith("total")))[0] == total
    assert says in said[-1] if says else "tied" not in "\n".join(said[1:])


@checks(inspect_model.listing, part_of)
def test_constants_that_files_carry_are_no_parameters(tmp_path, capsys):
    tensors = {"wte.weight": np.zeros((4, 2)), "h.0.attn.bias": np.ones((1, 1, 4, 4), bool),
               "h.0.attn.c_attn.bias": np.zeros(6)}
    said = lines(capsys, "--model", foreign(tmp_path / "m", tensors, model_type="gpt2"))
    assert "3 tensors, of which 1 hold constants and are not counted" in said
    assert numbers(next(line for line in said if line.startswith("total")))[0] == 14


@checks(part_of)
@pytest.mark.parametrize("part, names", [
    ("embeddings", ["transformer.wte.weight", "wpe.weight", "model.embed_tokens.weight", "gpt_neox.embed_in.weight",
                    "embeddings.word_embeddings.weight", "shared.weight", "table.weight", "embed_positions.weight"]),
    ("attention", ["h.0.attn.c_attn.weight", "model.layers.3.self_attn.o_proj.bias", "decoder.1.cross_attention.q"]),
    ("mlp", ["h.0.mlp.c_fc.weight", "layers.2.block_sparse_moe.experts.1.w1.weight", "decoder.layers.0.fc1.bias"]),
    ("norms", ["h.0.ln_1.weight", "ln_f.bias", "model.norm.weight", "layers.0.input_layernorm.weight", "x.norm2.weight",
               "layers.0.self_attn.q_norm.weight", "layers.0.post_attention_layernorm.weight", "embeddings.LayerNorm"]),
    ("head", ["lm_head.weight", "embed_out.weight", "lm_head.bias"]), ("other", ["", "layers.0.mixer.A_log", "..."])])
def test_names_of_the_field_find_their_part(part, names):
    assert {name: part_of(name) for name in names} == {name: part for name in names}


@checks(group_tensors, part_of)
@given(st.lists(st.tuples(st.sampled_from(["h.{}.ln.w", "h.{}.e.{}.mlp", "wte", "{}"]), st.integers(0, 12),
                          st.integers(0, 3), st.sampled_from([(2,), (2, 3), ()]))))
def test_groups_lose_and_invent_nothing(found):
    tensors = {form.format(i, j): np.zeros(shape, np.float32) for form, i, j, shape in found}
    together, alone = group_tensors(tensors), group_tensors(tensors, collapse=False)
    assert sorted(group.name for group in alone) == sorted(tensors) and len(together) <= len(alone)
    for groups in (together, alone):
        assert sum(group.count for group in groups) == len(tensors)
        assert sum(group.parameters for group in groups) == sum(x.size for x in tensors.values())
        assert sum(group.bytes for group in groups) == sum(x.nbytes for x in tensors.values())


@checks(printable)
def test_a_name_from_a_file_cannot_move_the_cursor_or_fill_the_screen(tmp_path, capsys):
    assert printable("a\x1b[2Jb\n") == "a\\x1b[2Jb\\n" and printable(3) == "3"
    assert printable("x" * 100) == "x" * 100 and printable("x" * 101) == "x" * 99 + "…"
    tensors = {"evil\x1b[31m\n" + "x" * 5000: np.zeros(1)}
    said = lines(capsys, "--model", foreign(tmp_path / "m", tensors, **{"model_type": "a\x1bb", "k\x1b" * 90: 3}))
    assert all(line.isprintable() and len(line) < 250 for line in said)


@checks(inspect_model.run, inspect_model.show_next)
def test_next_prints_the_table(small, capsys):
    model, tokenizer = sg.GPT2.from_pretrained(small), sg.AutoTokenizer.from_pretrained(small)
    table = next_tokens(model, tokenizer.encode_array("the ca"), tokenizer, 3)
    assert lines(capsys, "--model", small, "--next", "the ca", "-k", "3") == str(table).splitlines()
    assert len(lines(capsys, "--model", small, "--next", "the ca")) == 12


@checks(inspect_model.run, inspect_model.draw_attention, inspect_model.show_next)
def test_pictures_are_drawn_to_the_named_file(small, tmp_path, capsys):
    pytest.importorskip("matplotlib")
    out = tmp_path / "maps.png"
    said, = lines(capsys, "--model", small, "--attention", "the cat", "--out", out)
    assert said == f"{out}: 1 layers, 2 heads, 7 tokens" and out.read_bytes().startswith(b"\x89PNG")
    said, = lines(capsys, "--model", small, "--attention", "cat", "--out", tmp_path / "m.svg", "--layer", 0,
                  "--head", 1)
    assert "layer 0, head 1, 3 tokens" in said
    assert len(lines(capsys, "--model", small, "--next", "cat", "-k", 2, "--out", tmp_path / "next.pdf")) == 4
    assert sorted(path.name for path in tmp_path.iterdir()) == ["m.svg", "maps.png", "next.pdf"]


@checks(inspect_model.run)
@pytest.mark.parametrize("argv, says", [
    (["--attention", "the"], "--out"), (["--layer", "0"], "--attention"),
    (["--head", "0", "--next", "x"], "--attention"),
    (["-k", "3"], "--next"), (["--out", "x.png"], "--attention"), (["--all", "--next", "x"], "--all"),
    (["--next", "the", "-k", "0"], "-k"), (["--next", "the", "--attention", "x"], "not allowed"),
    (["--next", ""], "at least one token"), (["--next", "QQ"], "'Q'"), (["--next", "the cat sat on"], "n_positions=8"),
    (["--attention", "the", "--out", "x.gif"], "x.gif"), (["--attention", "the", "--out", "no/such/x.png"], "no/such"),
    (["--attention", "the", "--out", "x.png", "--layer", "1"], "layer must be"),
    (["--attention", "the", "--out", "x.png", "--head", "2"], "from 0 to 1")])
def test_a_mistake_gets_one_sentence_and_no_picture(small, tmp_path, monkeypatch, capsys, argv, says):
    if "x.png" in str(argv) and "--attention" in argv:
        pytest.importorskip("matplotlib")
    monkeypatch.chdir(tmp_path)
    assert says in refused(capsys, "inspect", "--model", small, *argv)
    assert not list(tmp_path.iterdir())


@checks(inspect_model.run, inspect_model.listing)
@pytest.mark.parametrize("name", ["model.safetensors", "config.json", "model.safetensors.index.json"])
@pytest.mark.parametrize("damage", [b"", b"{}x", b"\x00" * 64, b"[1]", None],
                         ids=["empty", "text", "zeros", "list", "gone"])
def test_a_damaged_folder_gets_one_sentence(small, tmp_path, capsys, name, damage):
    folder = tmp_path / "run"
    shutil.copytree(small, folder)
    if name.endswith("index.json") or damage is None and name.startswith("model"):
        (folder / "model.safetensors").unlink()
    if damage is None:
        (folder / name).unlink(missing_ok=True)
    else:
        (folder / name).write_bytes(damage)
    if name == "config.json" and damage is None:
        assert cli.main(["inspect", "--model", str(folder)]) == 0
    else:
        assert str(folder) in refused(capsys, "inspect", "--model", folder)
    assert "nowhere" in refused(capsys, "inspect", "--model", tmp_path / "nowhere")


@checks(inspect_model.run)
def test_a_model_that_does_not_continue_texts_says_so(tmp_path, capsys):
    pytest.importorskip("matplotlib")
    tokenizer = sg.CharTokenizer.train("abc")
    tokenizer.save_pretrained(tmp_path)
    sg.BigramLM(sg.BigramConfig(tokenizer.vocab_size), rng=np.random.default_rng(0)).save_pretrained(tmp_path)
    assert "does not attend" in refused(capsys, "inspect", "--model", tmp_path, "--attention", "a", "--out",
                                        tmp_path / "x.png")
    assert len(lines(capsys, "--model", tmp_path, "--next", "ab")) == tokenizer.vocab_size + 2
    config = sg.TransformerConfig(src_vocab_size=4, tgt_vocab_size=4, d_model=4, nhead=2, num_encoder_layers=1,
                                  num_decoder_layers=1, dim_feedforward=4)
    sg.Transformer(config, rng=np.random.default_rng(0)).save_pretrained(tmp_path)
    assert "reads a source" in refused(capsys, "inspect", "--model", tmp_path, "--next", "ab")
    assert "total" in "\n".join(lines(capsys, "--model", tmp_path))
