"""Names and layouts of the field's files: one tensor here for one tensor there, each the right way round."""

import numpy as np
import pytest

from scratchgpt.checkpoint.names import TABLES, Names, from_foreign, to_foreign
from scratchgpt.formulas import Packed
from tests.checkpoint.folders import MODELS, make
from tests.checks import checks

kinds = pytest.mark.parametrize("kind", MODELS)
# (model_type, our name, the field's name, whether the field stores it as (out, in))
EXAMPLES = [
    ("gpt2", "wte.weight", "transformer.wte.weight", False),
    ("gpt2", "h.11.attention.project.qkv.weight", "transformer.h.11.attn.c_attn.weight", False),
    ("gpt2", "h.0.mlp.down.bias", "transformer.h.0.mlp.c_proj.bias", False),
    ("gpt2", "ln_f.weight", "transformer.ln_f.weight", False),
    ("llama", "embed_tokens.weight", "model.embed_tokens.weight", False),
    ("llama", "layers.10.attention.project.q.weight", "model.layers.10.self_attn.q_proj.weight", True),
    ("llama", "layers.10.attention.project.v.bias", "model.layers.10.self_attn.v_proj.bias", True),
    ("llama", "layers.0.attention.out.weight", "model.layers.0.self_attn.o_proj.weight", True),
    ("llama", "layers.0.norm1.weight", "model.layers.0.input_layernorm.weight", False),
    ("llama", "layers.0.norm2.weight", "model.layers.0.post_attention_layernorm.weight", False),
    ("mistral", "layers.0.mlp.gate.weight", "model.layers.0.mlp.gate_proj.weight", True),
    ("mistral", "layers.0.mlp.up.weight", "model.layers.0.mlp.up_proj.weight", True),
    ("qwen2", "layers.0.mlp.down.weight", "model.layers.0.mlp.down_proj.weight", True),
    ("qwen2", "norm.weight", "model.norm.weight", False),
    ("qwen2", "lm_head.weight", "lm_head.weight", True),
    ("qwen3", "layers.0.attention.project.project.k.weight", "model.layers.0.self_attn.k_proj.weight", True),
    ("qwen3", "layers.0.attention.project.q_norm.weight", "model.layers.0.self_attn.q_norm.weight", False),
    ("qwen3", "layers.0.attention.project.k_norm.weight", "model.layers.0.self_attn.k_norm.weight", False),
    ("transformer", "encoder.0.norm1.weight", "encoder.0.norm1.weight", False),
    ("question_answering_gpt", "lm_head.weight", "lm_head.weight", False),
    ("nobody knows", "a.mlp.up.b", "a.mlp.up.b", False),
]


@checks(to_foreign, from_foreign, Names)
@pytest.mark.parametrize("kind, ours, theirs, turned", EXAMPLES, ids=lambda value: str(value))
def test_a_tensor_is_found_under_the_name_and_in_the_layout_of_the_field(kind, ours, theirs, turned):
    x = np.zeros((2, 3))
    there = to_foreign({ours: x}, kind)
    assert list(there) == [theirs] and there[theirs].shape == ((3, 2) if turned else (2, 3))
    found = from_foreign({theirs: x}, [ours], kind)
    assert list(found) == [ours] and found[ours].shape == ((3, 2) if turned else (2, 3))
    assert np.shares_memory(found[ours], x)


@checks(to_foreign, from_foreign)
@kinds
def test_there_and_back_every_tensor_is_a_view_of_itself(kind):
    model = make(kind)
    for state in (model.state_dict(), model.pack("bfloat16").state_dict()):
        back = from_foreign(to_foreign(state, kind), state, kind)
        assert list(back) == list(state)
        for name, tensor in state.items():
            one, other = (x.bits if isinstance(x, Packed) else x for x in (back[name], tensor))
            assert np.shares_memory(one, other) and one.strides == other.strides


@checks(from_foreign)
@kinds
def test_a_file_of_a_model_without_its_head_lacks_the_prefix(kind):
    state = make(kind).state_dict()
    prefix = TABLES.get(kind, Names()).prefix
    bare = {name.removeprefix(prefix): tensor for name, tensor in to_foreign(state, kind).items()}
    assert from_foreign(bare, state, kind).keys() == state.keys()


@checks(from_foreign)
@pytest.mark.parametrize("kind, name", [("gpt2", "h.0.attn.bias"), ("gpt2", "transformer.h.3.attn.masked_bias"),
                                        ("gpt2", "lm_head.weight"), ("mistral", "lm_head.weight"),
                                        ("llama", "model.layers.0.self_attn.rotary_emb.inv_freq")])
def test_constants_and_the_copy_of_a_tied_head_are_passed_over(kind, name):
    assert from_foreign({name: np.zeros(3)}, make(kind if kind != "llama" else "mistral").state_dict(), kind) == {}


@checks(from_foreign)
@pytest.mark.parametrize("kind, names", [
    ("llama", ["model.norm.weight", "norm.weight"]), ("llama", ["norm.weight", "model.norm.weight"]),
    ("gpt2", ["wte.weight", "transformer.wte.weight"])])
def test_of_two_tensors_with_one_place_the_second_is_left_over_under_its_own_name(kind, names):
    first, second = np.zeros(1), np.ones(1)
    found = from_foreign(dict(zip(names, (first, second))), make(kind).state_dict(), kind)
    assert list(found.values()) == [first, second] and list(found)[1] == repr(names[1])


@checks(from_foreign)
def test_our_own_names_are_no_names_of_the_field():
    found = from_foreign({"layers.0.mlp.gate.weight": np.zeros(1)}, make("llama").state_dict(), "llama")
    assert list(found) == ["'layers.0.mlp.gate.weight'"]
