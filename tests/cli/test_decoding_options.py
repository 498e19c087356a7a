"""Every option of the table is one of the line; what a folder asks for yields to what the line asks for."""

import pytest

import scratchgpt as sg
from scratchgpt import cli
from scratchgpt.cli import decoding_options
from scratchgpt.cli.decoding_options import NEW_TOKENS, add_options, asked_for, flag, offered, settled, value
from scratchgpt.options import FLAG, TEXTS, whole
from scratchgpt.errors import GenerationError
from tests.checks import checks
from tests.cli.support import refused

TOKENIZER = sg.CharTokenizer.train("abc ")
# of every kind of value at least one text, and of every kind something that is none
TEXTS_OF_VALUES = ["1", "0.5", "1000", "[1, 2]", "[[1, 2]]", "[[[5, 7], -1.5]]", "[3, 1.5]", '{"bias": 2.0}', "hf", "power",
                   "never", "sampling", "dynamic", "low", "a text"]
WRONG = ["", "-7.5", "none of these", "[", "nan", "[[]]", "[" * 100000]
BY_NAME = {one.name: one for one in offered()}


def line(*argv):
    return cli.build_parser().parse_args(["generate", "--model", "m", *argv])


def first(texts, kind, right):
    """The first text that the kind takes, or takes not, and what it makes of it."""
    for text in texts:
        try:
            found = kind.parse(text)
        except (ValueError, RecursionError):
            found = None
        if (found is not None and kind.fits(found)) == right:
            return text, found
    raise AssertionError(f"add a text for: {kind.rule}")


@checks(offered, add_options, asked_for)
@pytest.mark.parametrize("name", BY_NAME)
def test_every_option_of_the_table_can_be_asked_for(name):
    kind = BY_NAME[name].metadata["kind"]
    assert asked_for(line(), TOKENIZER) == {}
    if kind is FLAG:
        assert asked_for(line(flag(name)), TOKENIZER) == {name: True}
        assert asked_for(line(f"--no-{name.replace('_', '-')}"), TOKENIZER) == {name: False}
    elif kind is TEXTS:
        assert asked_for(line(flag(name), "one", "[2]"), TOKENIZER) == {name: ["one", "[2]"]}
    else:
        text, expected = first(TEXTS_OF_VALUES, kind, right=True)
        assert asked_for(line(flag(name), text), TOKENIZER) == {name: expected}


@checks(add_options, value)
@pytest.mark.parametrize("name", BY_NAME)
def test_every_option_refuses_what_it_cannot_be_in_one_sentence(name, capsys):
    kind = BY_NAME[name].metadata["kind"]
    wrong = "maybe" if kind is FLAG else "" if kind is TEXTS else first(WRONG, kind, right=False)[0]
    said = refused(capsys, "generate", "--model", "m", f"{flag(name)}={wrong}")
    assert flag(name) in said and (kind is FLAG or "must be" in said)


@checks(offered)
def test_what_python_gets_back_is_no_option_of_the_line_and_all_else_is():
    names = {one.name for one in sg.GenerationConfig.table()}
    assert names - BY_NAME.keys() == {"return_dict_in_generate", "output_scores", "output_logits",
                                      "output_hidden_states", "output_candidates", "output_trace"}
    assert decoding_options.GROUPS.keys() | decoding_options.TYPED.keys() <= BY_NAME.keys()


@checks(value)
def test_a_value_is_what_its_kind_makes_of_the_text():
    assert value(whole(2))("3") == 3
    with pytest.raises(Exception, match="must be an integer >= 2; got '1'"):
        value(whole(2))("1")


@checks(asked_for)
def test_tokens_may_be_typed_as_text_beside_ids():
    a, b, space = TOKENIZER.encode("ab ")
    asked = asked_for(line("--bad-words", "ab", " ", "--bad-words-ids", "[[3]]", "--force-words", "b",
                           "--dry-breakers", "a"), TOKENIZER)
    assert asked == {"bad_words_ids": [[3], [a, b], [space]], "force_words_ids": [[b]], "dry_sequence_breakers": [[a]]}


@checks(add_options)
def test_greedy_is_no_sampling_and_help_names_groups_and_rules(capsys):
    assert asked_for(line("--greedy"), TOKENIZER) == {"do_sample": False}
    with pytest.raises(SystemExit):
        line("--help")
    out = " ".join(capsys.readouterr().out.split())
    for words in (*decoding_options.GROUPS.values(), "--top-k K", "--top-p P", "--seed N", "--stop-strings TEXT",
                  "one of 'power', 'gnmt'", "such as [[5, 7], [9]]", "--no-use-cache", *map(flag, BY_NAME)):
        assert words in out


@checks(settled)
@pytest.mark.parametrize("folder, asked, settings, drawn", [
    ({}, {}, {"max_new_tokens": NEW_TOKENS}, True),
    ({}, {"do_sample": False}, {"max_new_tokens": NEW_TOKENS}, False),
    ({"max_length": 9, "eos_token_id": 3}, {}, {"max_length": 9, "eos_token_id": 3}, True),
    ({"max_length": 9}, {"max_new_tokens": 2}, {"max_new_tokens": 2}, True),
    ({"do_sample": True, "top_k": 5, "temperature": 0.5}, {"top_k": 2, "max_length": 8},
     {"top_k": 2, "temperature": 0.5, "max_length": 8}, True),
    ({"top_k": 5}, {"max_length": 8}, {"max_length": 8}, True),              # the folder does not sample: its cut sleeps
    ({"do_sample": True, "top_k": 5}, {"do_sample": False, "max_length": 8}, {"max_length": 8}, False),
    ({"do_sample": False}, {"max_length": 8}, {"max_length": 8}, False),
    ({"do_sample": False}, {"max_length": 8, "top_p": 0.5}, {"max_length": 8, "top_p": 0.5}, True),
    ({"num_beams": 4, "length_penalty": 2.0, "max_length": 8}, {}, {"num_beams": 4, "length_penalty": 2.0,
                                                                   "max_length": 8}, False),
    ({"num_beams": 4, "length_penalty": 2.0, "max_length": 8}, {"do_sample": False}, {"max_length": 8}, False),
    ({"num_beams": 4, "length_penalty": 2.0, "max_length": 8}, {"num_beams": 2},
     {"num_beams": 2, "length_penalty": 2.0, "max_length": 8}, False),
    ({"num_beams": 4, "length_penalty": 2.0, "max_length": 8}, {"num_beams": 1}, {"num_beams": 1, "max_length": 8}, False),
    ({"num_beams": 4, "length_penalty": 2.0, "max_length": 8}, {"mirostat": 2}, {"mirostat": 2, "max_length": 8}, True),
    ({"max_length": 8}, {"num_beams": 4}, {"num_beams": 4, "max_length": 8}, False),
    ({"max_length": 8}, {"num_beams": 4, "temperature": 0.5}, {"num_beams": 4, "temperature": 0.5, "max_length": 8}, True),
    ({"do_sample": True, "max_length": 8, "top_p": 0.5}, {"penalty_alpha": 0.6, "top_k": 4},
     {"penalty_alpha": 0.6, "top_k": 4, "max_length": 8}, False),
    ({"penalty_alpha": 0.6, "top_k": 4, "max_length": 8}, {}, {"penalty_alpha": 0.6, "top_k": 4, "max_length": 8}, False),
])
def test_the_line_wins_over_the_folder_and_a_search_brings_its_own_company(folder, asked, settings, drawn):
    found = settled(sg.GenerationConfig(**folder), asked)
    assert found == (settings, drawn)
    assert sg.GenerationConfig(**found[0])                                      # nothing in it contradicts anything


@checks(settled)
def test_what_shapes_chance_is_refused_where_there_is_none():
    with pytest.raises(GenerationError, match="--top-p, --temperature shape what is drawn; leave them out with --greedy"):
        settled(sg.GenerationConfig(), {"top_p": 0.5, "temperature": 2.0, "do_sample": False})


@checks(settled)
@pytest.mark.parametrize("asked, says", [
    ({"do_sample": True, "penalty_alpha": 0.5, "top_k": 4}, "--penalty-alpha draws nothing; leave out --do-sample"),
    ({"num_beams": 4, "num_beam_groups": 2, "diversity_penalty": 1.0, "temperature": 0.5}, "--num-beam-groups draws"),
    ({"num_beams": 4, "force_words_ids": [[1]], "do_sample": True}, "--force-words-ids draws nothing")])
def test_what_draws_nothing_is_not_asked_to_draw(asked, says):
    with pytest.raises(GenerationError, match=says):
        settled(sg.GenerationConfig(), asked)
    settled(sg.GenerationConfig(), {"num_beams": 4, "num_beam_groups": 1, "do_sample": True})


@checks(add_options, flag)
@pytest.mark.parametrize("both", [["--do-sample", "--greedy"], ["--greedy", "--do-sample"]])
def test_drawing_and_not_drawing_exclude_each_other(both, capsys):
    said = refused(capsys, "generate", "--model", "m", *both)
    assert "not allowed with" in said and flag("do_sample") in said and "--greedy" in said
