"""Chat templates as the transformers library renders them: our pinned ones, and such as come with checkpoints.

Needs the `oracles` extra, and jinja2.
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

transformers = pytest.importorskip("transformers")
tokenizers = pytest.importorskip("tokenizers")
pytest.importorskip("jinja2")

from scratchgpt.errors import TokenizerError                                                    # noqa: E402
from scratchgpt.tokenizers.chat.templates import (JINJA, ROLES, TEMPLATES, chatml, llama2, llama3,        # noqa: E402
                                        render_chat, vicuna)
from scratchgpt.tokenizers.chat.jinja_render import render_jinja                                     # noqa: E402
from tests.checks import checks                                                                 # noqa: E402
from tests.tokenizers.chat.test_templates import ALTERNATING, contents, conversation, conversations       # noqa: E402

THEIRS = transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizers.Tokenizer(tokenizers.models.BPE()),
                                              bos_token="<s>", eos_token="</s>")

# our own writing, in the manner of those that come with checkpoints
REALISTIC = {
    "system apart": """{%- if messages[0].role == 'system' -%}
    {%- set system = messages[0]['content'] | trim %}
    {%- set messages = messages[1:] %}
{%- else -%}
    {%- set system = '' %}
{%- endif %}
{{- bos_token }}
{%- for message in messages %}
    {%- if loop.first and system %}
        {{- '<system>' ~ system ~ '</system>' }}
    {%- endif %}
    {{- '[' + message.role | upper + '] ' + (message.content or '') | trim }}
    {%- if not loop.last %}{{ '\\n' }}{% else %}{{ eos_token }}{% endif %}
{%- endfor %}""",
    "blocks on lines of their own": """{% for message in messages %}
  {% if message['role'] == 'user' %}
  > {{ message['content'] }}
  {% elif message['role'] == 'assistant' %}
    {% generation %}
    {{ message['content'] }}{{ eos_token }}
    {% endgeneration %}
  {% else %}
    {% continue %}
  {% endif %}
{% endfor %}
{% if add_generation_prompt %}
<
{% endif %}
""",
    "namespace": """{% set state = namespace(users=0, last=none, roles=[]) %}
{% for message in messages if message.role != 'system' %}
{% if message.role == 'user' %}{% set state.users = state.users + 1 %}{% endif %}
{% set state.last = message.role %}{% set state.roles = state.roles + [message.role] %}
{% if state.users > 2 %}{% break %}{% endif %}
#{{ loop.index }}/{{ loop.length }} {{ loop.previtem.role if loop.previtem is defined }}>{{ message.content }}
{% endfor %}
{{ state.users }} {{ state.last }} {{ state.roles | join(',') }}""",
    "tools": """{% macro signature(function) %}
{{ function.name }}({{ function.parameters.properties.keys() | list | join(', ') }})
{%- endmacro %}
{% if tools %}
{% for tool in tools %}
{{ signature(tool.function) }} {{ tool | tojson }}
{{ tool.function | tojson(indent=2) }}
{% endfor %}
{% endif %}
{% for message in messages %}
{% if message.tool_calls is defined and message.tool_calls %}
{% for call in message.tool_calls %}
<call>{{ {'name': call.name, 'arguments': call.arguments} | tojson(sort_keys=true) }}</call>
{%- endfor %}

{% elif message.content is string %}{{ message.role }}: {{ message.content }}
{% else %}{{ message.role }}: {% for part in message.content %}
{{ part.text if part.type == 'text' else '<' ~ part.type ~ '>' }}
{%- endfor %}
{% endif %}
{% endfor %}""",
    "refusals": """{% if messages[0]['role'] == 'system' %}{{ raise_exception('no system message here') }}{% endif %}
{% for message in messages %}
{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('turns must alternate') }}{% endif %}
{{ message['role'].title() }}: {{ message['content'].split('</think>')[-1].lstrip('\\n') }}
{% endfor %}""",
    "date and defaults": """{{ strftime_now('%d %B %Y') }} {{ date_string | default('today') }} {{ nothing }}
{% if not date_string is defined %}{% set date_string = '1 January' %}{% endif %}{{ date_string }}
{% if tools is none and documents is none and unknown is not defined %}bare{% endif %}
{{ dict(a=1, **{'b': messages | length}) | tojson }} {{ messages | map(attribute='role') | list }}
{{ messages | tojson }}
{%- for role in messages | map(attribute='role') | unique | reject('equalto', 'user') %} {{ role }}{% endfor %}
{{ messages[-1:] | selectattr('role', 'in', ['user', 'tool']) | list | length }}
{{- messages[::-1][0].content | string | length }}""",
}
TOOL = {"type": "function", "function": {"name": "f\u00fcr <b>", "description": "adds & 'quotes'", "parameters": {
    "type": "object", "properties": {"x": {"type": "number"}, "y": {"type": "string", "enum": ["a", "b"]}}}}}

parts = st.lists(st.fixed_dictionaries({"type": st.sampled_from(["text", "image"]), "text": contents}), max_size=2)
calls = st.fixed_dictionaries({"name": st.text(), "arguments": st.dictionaries(st.text(), st.integers() | st.floats())})
plain = st.builds(lambda role, content: {"role": role, "content": content}, st.sampled_from(ROLES), contents)
rich = plain | st.fixed_dictionaries({"role": st.sampled_from(["assistant", "tool"]), "content": contents | parts,
                                      "tool_calls": st.lists(calls, max_size=2)})


def theirs(messages, template, prompt, tools=None):
    """What transformers renders, or the error that the template raises."""
    try:
        return THEIRS.apply_chat_template(messages, chat_template=template, add_generation_prompt=prompt, tools=tools,
                                          tokenize=False)
    except Exception as problem:
        return problem


def assert_same(messages, template, prompt, tools=None):
    expected = theirs(messages, template, prompt, tools)
    if isinstance(expected, Exception):
        with pytest.raises(TokenizerError) as caught:
            render_chat(messages, template, prompt, tools=tools, **THEIRS.special_tokens_map)
        assert str(expected)[:400] in str(caught.value)
    else:
        assert render_chat(messages, template, prompt, tools=tools, **THEIRS.special_tokens_map) == expected


@checks(chatml, llama2, llama3, vicuna)
@pytest.mark.parametrize("name", sorted(TEMPLATES))
@given(drawn=conversations())
def test_transformers_renders_our_jinja_sources_as_our_functions_do(name, drawn):
    messages, prompt = drawn
    assert theirs(messages, JINJA[name], prompt) == TEMPLATES[name](messages, prompt)


@checks(llama2, vicuna)
@pytest.mark.parametrize("name", ALTERNATING)
@given(roles=st.lists(st.sampled_from(ROLES), min_size=1, max_size=4), prompt=st.booleans())
def test_transformers_refuses_with_our_jinja_sources_what_our_functions_refuse(name, roles, prompt):
    messages = conversation(roles, roles)
    expected = theirs(messages, JINJA[name], prompt)
    if isinstance(expected, Exception):
        with pytest.raises(TokenizerError):
            TEMPLATES[name](messages, prompt)
    else:
        assert TEMPLATES[name](messages, prompt) == expected


@checks(render_chat, render_jinja)
@pytest.mark.parametrize("name", sorted(REALISTIC))
@given(messages=st.lists(plain, min_size=1, max_size=5), prompt=st.booleans(), with_tools=st.booleans())
def test_realistic_templates_render_as_in_transformers(name, messages, prompt, with_tools):
    assert_same(messages, REALISTIC[name], prompt, [TOOL] if with_tools else None)


@checks(render_chat, render_jinja)
@pytest.mark.parametrize("name", ["tools", "date and defaults"])
@given(messages=st.lists(rich, min_size=1, max_size=4), prompt=st.booleans())
def test_messages_with_tool_calls_and_parts_render_as_in_transformers(name, messages, prompt):
    assert_same(messages, REALISTIC[name], prompt, [TOOL, TOOL])
