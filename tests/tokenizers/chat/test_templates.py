"""Chat templates: each gives its published text, as a function and as Jinja, and refuses what it has no place for."""

from importlib.util import find_spec

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from scratchgpt.errors import TokenizerError
from scratchgpt.tokenizers.chat.templates import (JINJA, ROLES, TEMPLATES, chatml, check_messages, llama2, llama3, render_chat,
                                        vicuna)
from scratchgpt.tokenizers.chat.jinja_render import render_jinja
from tests.checks import checks

MARKS = ["<|im_end|>\n", "<|eot_id|>", "[/INST]", "<</SYS>>", "</s>", " \n", "{{ 7 * 7 }}", "{% if %}", "{", "\\n", "'"]
ALTERNATING = ("llama2", "vicuna")
names = pytest.mark.parametrize("name", sorted(TEMPLATES))
needs_jinja = pytest.mark.skipif(find_spec("jinja2") is None, reason="needs jinja2")
contents = st.text() | st.lists(st.sampled_from(MARKS) | st.text(max_size=5)).map("".join)


def conversation(roles, contents):
    return [{"role": role, "content": content} for role, content in zip(roles, contents, strict=True)]


@st.composite
def conversations(draw):
    """Messages that every template takes, and whether the assistant's turn is to be opened, as it can be."""
    roles = ["system"] * draw(st.booleans()) + ["user", "assistant"] * 3
    roles = roles[:draw(st.integers(roles.index("user") + 1, len(roles)))]
    messages = conversation(roles, [draw(contents) for _ in roles])
    return messages, roles[-1] == "user" and draw(st.booleans())


SHORT = conversation(["system", "user", "assistant", "user"], [" S ", " a\n", " b ", "c"])


@checks(chatml, llama2, llama3, vicuna)
def test_each_template_gives_its_published_text_white_space_included():
    assert chatml(SHORT, True) == ("<|im_start|>system\n S <|im_end|>\n<|im_start|>user\n a\n<|im_end|>\n"
                                   "<|im_start|>assistant\n b <|im_end|>\n<|im_start|>user\nc<|im_end|>\n"
                                   "<|im_start|>assistant\n")
    assert llama2(SHORT) == "<s>[INST] <<SYS>>\n S \n<</SYS>>\n\n a [/INST] b </s><s>[INST] c [/INST]"
    assert llama3(SHORT, True) == ("<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\nS<|eot_id|>"
                                   "<|start_header_id|>user<|end_header_id|>\n\na<|eot_id|>"
                                   "<|start_header_id|>assistant<|end_header_id|>\n\nb<|eot_id|>"
                                   "<|start_header_id|>user<|end_header_id|>\n\nc<|eot_id|>"
                                   "<|start_header_id|>assistant<|end_header_id|>\n\n")
    assert vicuna(SHORT, True) == " S  USER:  a\n ASSISTANT:  b </s>USER: c ASSISTANT:"


@checks(llama2, vicuna)
def test_an_empty_system_message_is_one_nevertheless():
    empty = conversation(["system", "user"], ["", "a"])
    assert llama2(empty) == "<s>[INST] <<SYS>>\n\n<</SYS>>\n\na [/INST]" and llama2(empty[1:]) == "<s>[INST] a [/INST]"
    assert vicuna(empty) == " USER: a " and vicuna(empty[1:]) == "USER: a "


@checks(chatml, llama2, llama3, vicuna, render_chat)
@names
@given(drawn=conversations())
def test_a_name_its_function_and_its_jinja_source_are_one_template(name, drawn):
    messages, prompt = drawn
    expected = TEMPLATES[name](messages, prompt)
    for template in (name, TEMPLATES[name], JINJA[name], lambda messages, prompt: TEMPLATES[name](messages, prompt)):
        assert render_chat(messages, template, prompt) == expected
    opening = TEMPLATES[name](messages)
    assert expected.startswith(opening) and all(message["content"].strip() in opening for message in messages)


@checks(chatml, llama2, llama3, vicuna, render_jinja)
@needs_jinja
@names
@given(drawn=conversations())
def test_the_jinja_source_renders_what_the_function_gives(name, drawn):
    messages, prompt = drawn
    expected = TEMPLATES[name](messages, prompt)
    assert render_jinja(JINJA[name], {"messages": messages, "add_generation_prompt": prompt}) == expected


@checks(check_messages, render_jinja)
@needs_jinja
@pytest.mark.parametrize("name", ALTERNATING)
@given(roles=st.lists(st.sampled_from(ROLES), min_size=1, max_size=5), prompt=st.booleans())
@example(roles=["system"], prompt=False)
@example(roles=["user", "assistant"], prompt=True)
def test_where_turns_alternate_function_and_jinja_source_refuse_the_same_roles(name, roles, prompt):
    messages = conversation(roles, roles)
    turns = roles[1:] if roles[0] == "system" else roles
    proper = [role == ("user", "assistant")[i % 2] for i, role in enumerate(turns + ["assistant"] * prompt)]
    for render in (lambda: TEMPLATES[name](messages, prompt),
                   lambda: render_jinja(JINJA[name], {"messages": messages, "add_generation_prompt": prompt})):
        if turns and all(proper):
            assert render()
        else:
            with pytest.raises(TokenizerError, match="must"):
                render()


@checks(check_messages, render_chat)
@names
@pytest.mark.parametrize("messages, why", [
    ([], "at least one"), (None, "got None"), ("Hi!", "got Hi!"), ({"role": "user"}, "must be a list"),
    ([("user", "a")], "must be a list"), (({"role": "user", "content": "a"},), "must be a list"),
    ([{"role": "user"}], r"messages\[0\] must have the keys"),
    ([{"role": "user", "content": "a", "name": "b"}], "'name'"), ([{"role": "user", "content": "a", 3: "b"}], "3"),
    (conversation(["bot"], ["a"]), "got 'bot'"), (conversation([["user"]], ["a"]), r"\['role'\] must"),
    (conversation(["user", "system"], "ab"), r"messages\[1\]\['role'\]"),
    (conversation(["system", "system"], "ab"), "the system speaks first, and once"),
    (conversation(["user"], [None]), r"messages\[0\]\['content'\]: text must be a str; got NoneType"),
    (conversation(["user"], [["a"]]), "got list"), (conversation(["user"], ["\ud800"]), r"surrogates.* U\+D800"),
])
def test_what_is_no_conversation_is_refused_with_its_place(name, messages, why):
    for render in (TEMPLATES[name], lambda messages: render_chat(messages, name), check_messages):
        with pytest.raises(TokenizerError, match=why):
            render(messages)


@checks(check_messages)
def test_turns_need_not_alternate_where_each_message_names_its_role():
    twice = conversation(["user", "user", "assistant", "assistant"], "abcd")
    assert check_messages(twice) is None
    assert chatml(twice, True).count("<|im_start|>user") == llama3(twice, True).count("user<|end_header_id|>") == 2
    with pytest.raises(TokenizerError, match=r"got user in turn 2 of \['user', 'user', 'assistant', 'assistant'\]"):
        check_messages(twice, alternating=True)
    with pytest.raises(TokenizerError, match="got assistant in turn 3"):
        check_messages(conversation(["user", "assistant"], "ab"), alternating=True, add_generation_prompt=True)


@checks(render_chat)
@pytest.mark.parametrize("template", ["chatlm", "", "a {", None, 3, ["chatml"]])
def test_what_is_no_template_is_refused_with_the_names_of_those_that_are(template):
    with pytest.raises(TokenizerError, match="must be one of chatml, llama2, llama3, vicuna, a callable, or Jinja"):
        render_chat(SHORT, template)


@checks(render_chat)
@names
def test_pinned_templates_refuse_variables_that_they_would_leave_out(name):
    for template in (name, JINJA[name], TEMPLATES[name]):
        assert render_chat(SHORT, template, bos_token="<b>", tools=None) == TEMPLATES[name](SHORT)
        with pytest.raises(TokenizerError, match="no place for tools"):
            render_chat(SHORT, template, tools=[{"name": "f"}])


@checks(render_chat)
def test_a_callable_gets_the_variables_and_must_return_text():
    assert render_chat(SHORT, lambda messages, prompt, mark: f"{mark}{len(messages)}{prompt}", mark="#") == "#4False"
    with pytest.raises(TokenizerError, match="text must be a str"):
        render_chat(SHORT, lambda messages, prompt: None)


@checks(render_chat)
@needs_jinja
def test_jinja_source_sees_the_messages_and_the_variables():
    source = "{{ bos_token }}{{ messages[-1].content }}{{ add_generation_prompt }}{{ tools is none }}{{ documents }}"
    assert render_chat(SHORT, source, bos_token="<b>") == "<b>cFalseTrueNone"
    assert render_chat(SHORT, source, True, tools=[]) == "cTrueFalseNone"
    assert render_chat([{"role": "tool", "result": 3}], "{{ messages[0].result + 1 }}") == "4"
    with pytest.raises(TokenizerError, match="list of at least one dict"):
        render_chat([], source)
