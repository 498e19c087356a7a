"""Networks: what is kept, and how small they stay."""

import pytest

from scratchgpt.decoding.constraints.expressions import Characters, Choice, Repeat, Rule, Sequence
from scratchgpt.decoding.constraints.network import Network
from scratchgpt.decoding.constraints.recogniser import DEAD, Recogniser
from scratchgpt.errors import GenerationError
from tests.checks import checks

A, B = Characters(((97, 97),)), Characters(((98, 98),))


@checks(Network)
def test_what_cannot_end_is_not_begun():
    never = Characters(())
    recogniser = Recogniser(Network({"root": Choice((Sequence((A, never)), Sequence((B, A))))}))
    assert recogniser.next_bytes(1) == b"b" and recogniser.matches(b"ba")


@checks(Network)
@pytest.mark.parametrize("rules, says", [
    ({"root": Rule("x")}, "every rule must be defined; got none named 'x'"),
    ({"x": A}, "every rule must be defined; got none named 'root'"),
    ({"root": Sequence((A, Rule("root")))}, "must derive a text of finite length; got 'root'"),
    ({"root": A, "x": Sequence((Rule("y"), A)), "y": Rule("x")}, "must derive a text of finite length; got 'x'"),
    ({"root": Characters(())}, "must derive a text of finite length; got 'root'"),
])
def test_a_rule_that_leads_nowhere_is_refused_by_name(rules, says):
    with pytest.raises(GenerationError, match=says):
        Network(rules)


@checks(Network.over, Network)
def test_over_fewer_bytes_what_they_cannot_spell_is_not_begun_and_the_whole_network_stays_as_it_was():
    whole = Network({"root": Choice((Rule("x"), Sequence((B, B)))), "x": Sequence((A, B, Characters(((99, 99),))))})
    less = Recogniser(whole.over(b"ab"))
    assert less.next_bytes(1) == b"b" and less.matches(b"bb")
    assert Recogniser(whole).matches(b"abc")
    with pytest.raises(GenerationError, match="to spell a text of the language; its 2 bytes make none"):
        whole.over(b"ac")


@checks(Network)
def test_many_choices_in_a_row_take_time_in_proportion():
    many = Repeat(Choice((A, Characters(((0xE9, 0xE9),)))), 10_000, 10_000)
    assert Recogniser(Network({"root": many})).read(b"a") != DEAD


@checks(Network)
def test_bytes_that_no_edge_tells_apart_are_one_class():
    network = Network({"root": Characters(((97, 99),))})
    assert network.n_classes == 3                                           # before a, a to c, behind c
    assert [int(network.class_of[byte]) for byte in b"\x00`abcd\xff"] == [0, 0, 1, 1, 1, 2, 2]


@checks(Network)
def test_an_option_that_is_repeated_takes_states_in_proportion():
    sizes = [len(Network({"root": Repeat(A, 0, n)}).empty) for n in (10, 20, 30)]
    assert sizes[2] - sizes[1] == sizes[1] - sizes[0] == 20


@checks(Network)
def test_characters_that_end_alike_share_their_last_bytes():
    assert len(Network({"root": Characters(((0x4E00, 0x9FFF),))}).empty) <= 5                # three bytes each
    assert Recogniser(Network({"root": Characters(((0x4E00, 0x9FFF),))})).read("日".encode()[:2]) != DEAD
