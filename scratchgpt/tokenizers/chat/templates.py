"""Chat templates: a conversation as the one text that a model has learned to continue.

Before this file: `special`, `jinja_render`. After it: the reader knows that a chat model sees no list of messages, only
text in which marks say who speaks; that every family of models has marks of its own; and two ways to go wrong. The text
of llama2 and llama3 begins with the mark that encoders like to put first, which must not come twice. And content is
copied as it is, so content that holds a mark speaks with another's voice where the text is encoded with special tokens.

Each function here is pinned to one published form, of which JINJA holds the source for `tokenizer_config.json`, where
other libraries look; it spells its marks out, too, so that no tokenizer's bos_token makes it differ from the function.
In each, messages is a list of {"role", "content"}, and add_generation_prompt (bool) opens the assistant's turn.
"""

from ...errors import TokenizerError
from ..ids import check_text
from .jinja_render import render_jinja

ROLES = ("system", "user", "assistant")


def chatml(messages, add_generation_prompt=False):
    r"""Each message under the name of its role: the form of Qwen and many others.

        text = (<|im_start|> role \n content <|im_end|> \n)*  [<|im_start|> assistant \n]

    >>> chat = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi!"}]
    >>> print(chatml(chat, add_generation_prompt=True), end="")
    <|im_start|>system
    Be brief.<|im_end|>
    <|im_start|>user
    Hi!<|im_end|>
    <|im_start|>assistant

    Source: OpenAI, "ChatML" (chatml.md in the openai-python repository, 2023).
    """
    check_messages(messages)
    turns = [f"<|im_start|>{message['role']}\n{message['content']}<|im_end|>\n" for message in messages]
    return "".join(turns) + ("<|im_start|>assistant\n" if add_generation_prompt else "")


def llama2(messages, add_generation_prompt=False):
    r"""User and assistant by turns, the system's words inside the user's first, outer white space removed.

        text = (<s>[INST] user [/INST] assistant </s>)*  [<s>[INST] user [/INST]]
        where there is a system message, the first user = <<SYS>>\n system \n<</SYS>>\n\n user

    >>> chat = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi!"}]
    >>> chat += [{"role": "assistant", "content": "Hello."}, {"role": "user", "content": "Bye!"}]
    >>> llama2(chat)
    '<s>[INST] <<SYS>>\nBe brief.\n<</SYS>>\n\nHi! [/INST] Hello. </s><s>[INST] Bye! [/INST]'

    add_generation_prompt adds nothing, since [/INST] already opens the assistant's turn; it asks that the user is last.
    Source: Touvron et al. 2023, arXiv:2307.09288; `chat_completion` in the llama repository's generation.py.
    """
    system, contents = _alternating(messages, add_generation_prompt)
    if system is not None:
        contents[0] = f"<<SYS>>\n{system}\n<</SYS>>\n\n{contents[0]}"
    return _in_turn("<s>[INST] {} [/INST]", " {} </s>", [content.strip() for content in contents])


def llama3(messages, add_generation_prompt=False):
    r"""Each message under a header that names its role, outer white space removed.

        text = <|begin_of_text|> (header(role) content <|eot_id|>)*  [header(assistant)]
        header(role) = <|start_header_id|> role <|end_header_id|> \n\n

    >>> llama3([{"role": "user", "content": "Hi!"}])
    '<|begin_of_text|><|start_header_id|>user<|end_header_id|>\n\nHi!<|eot_id|>'

    Source: `ChatFormat` in the llama3 repository's tokenizer.py; Llama 3.1 adds dates and tools, which are not here.
    """
    check_messages(messages)
    header = "<|start_header_id|>{}<|end_header_id|>\n\n".format
    turns = [f"{header(message['role'])}{message['content'].strip()}<|eot_id|>" for message in messages]
    return "<|begin_of_text|>" + "".join(turns) + (header("assistant") if add_generation_prompt else "")


def vicuna(messages, add_generation_prompt=False):
    """User and assistant by turns, under their names in capitals, without the <s> that an encoder puts first.

        text = [system ](USER: user ASSISTANT: assistant</s>)*[USER: user ][ASSISTANT:]

    >>> chat = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi!"}]
    >>> chat += [{"role": "assistant", "content": "Hello."}, {"role": "user", "content": "Bye!"}]
    >>> vicuna(chat, add_generation_prompt=True)
    'Be brief. USER: Hi! ASSISTANT: Hello.</s>USER: Bye! ASSISTANT:'

    Where no system message is given, FastChat puts a sentence of its own; here the text begins with USER.
    Source: the FastChat repository, fastchat/conversation.py, "vicuna_v1.1".
    """
    system, contents = _alternating(messages, add_generation_prompt)
    before = "" if system is None else system + " "
    return before + _in_turn("USER: {} ", "ASSISTANT: {}</s>", contents) + "ASSISTANT:" * bool(add_generation_prompt)


TEMPLATES = {"chatml": chatml, "llama2": llama2, "llama3": llama3, "vicuna": vicuna}

_TURNS = (      # refuses what `check_messages` does where turns alternate; `turns` are all messages but the system's
    "{% set turns = messages[1:] if messages[0]['role'] == 'system' else messages %}"
    "{% for turn in turns + ([{'role': 'assistant'}] if add_generation_prompt else []) %}"
    "{% if turn['role'] != ('assistant' if loop.index0 % 2 else 'user') %}"
    "{{ raise_exception('user and assistant must alternate, the user first') }}{% endif %}"
    "{% else %}{{ raise_exception('the user must speak first') }}{% endfor %}")
JINJA = {
    "chatml": "{% for message in messages %}"
              "{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n' }}{% endfor %}"
              "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}",
    "llama2": _TURNS + "{% for turn in turns %}{% set content = turn['content'] %}"
              "{% if loop.first and messages[0]['role'] == 'system' %}"
              "{% set content = '<<SYS>>\\n' + messages[0]['content'] + '\\n<</SYS>>\\n\\n' + content %}{% endif %}"
              "{% if turn['role'] == 'user' %}{{ '<s>[INST] ' + content | trim + ' [/INST]' }}"
              "{% else %}{{ ' ' + content | trim + ' </s>' }}{% endif %}{% endfor %}",
    "llama3": "{{ '<|begin_of_text|>' }}{% for message in messages %}{{ '<|start_header_id|>' + message['role'] + "
              "'<|end_header_id|>\\n\\n' + message['content'] | trim + '<|eot_id|>' }}{% endfor %}"
              "{% if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}{% endif %}",
    "vicuna": _TURNS + "{% if messages[0]['role'] == 'system' %}{{ messages[0]['content'] + ' ' }}{% endif %}"
              "{% for turn in turns %}{% if turn['role'] == 'user' %}{{ 'USER: ' + turn['content'] + ' ' }}"
              "{% else %}{{ 'ASSISTANT: ' + turn['content'] + '</s>' }}{% endif %}{% endfor %}"
              "{% if add_generation_prompt %}{{ 'ASSISTANT:' }}{% endif %}"}
_PINNED = TEMPLATES | {source: TEMPLATES[name] for name, source in JINJA.items()}


def render_chat(messages, template, add_generation_prompt=False, **variables):
    """Render a conversation with any template: a name, a function, or the Jinja source that came with a checkpoint.

    >>> render_chat([{"role": "user", "content": "Hi!"}], "vicuna", add_generation_prompt=True)
    'USER: Hi! ASSISTANT:'

    messages   list of dicts, which hold what the template wants
    template   a name of TEMPLATES; a callable (messages, add_generation_prompt, **variables) -> str; or a str with {{
               or {%, of which a value of JINJA is run as its function, so that it needs no jinja2
    variables  what Jinja source may name besides, such as bos_token and tools, within what JSON can carry
    returns    str

    Raises TokenizerError for messages that the template refuses, where `render_jinja` does, and for variables other
    than special tokens (named *_token) that a pinned template would silently leave out.
    Source: `apply_chat_template` of the transformers library, whose templates always see tools and documents.
    """
    pinned = _PINNED.get(template) if isinstance(template, str) else template
    if pinned in TEMPLATES.values():
        for name, value in variables.items():
            if value is not None and not name.endswith("_token"):
                raise TokenizerError(f"a pinned template has no place for {name}; pass Jinja source that has")
        return pinned(messages, add_generation_prompt)
    if callable(template):
        return check_text(template(messages, add_generation_prompt, **variables))
    if not isinstance(template, str) or ("{{" not in template and "{%" not in template):
        raise TokenizerError(f"template must be one of {', '.join(TEMPLATES)}, a callable, or Jinja source; "
                             f"got {str(template)[:80]!r}")
    _check_list(messages)
    chat = {"messages": messages, "add_generation_prompt": bool(add_generation_prompt)}
    return render_jinja(template, {"tools": None, "documents": None} | variables | chat)


def check_messages(messages, alternating=False, add_generation_prompt=False):
    """Check that messages are a conversation that a pinned template can hold, and name the first that is not.

        roles = [system] (user | assistant)*,  or, alternating, [system] user (assistant user)* [assistant]

    An assistant's turn to be generated is one of those that must alternate. Raises TokenizerError.
    Source: the templates above, which have no place for anything else.
    """
    _check_list(messages)
    for i, message in enumerate(messages):
        _check_message(message, f"messages[{i}]", ROLES if i == 0 else ROLES[1:])
    if alternating:
        roles = [message["role"] for message in messages] + ["assistant"] * bool(add_generation_prompt)
        for i, role in enumerate(roles[roles[0] == "system":] or ["nobody"]):
            if role != ROLES[1 + i % 2]:
                raise TokenizerError(f"user and assistant must alternate, the user first; got {role} in turn {i + 1} "
                                     f"of {roles[:8]}; join or drop messages")


def _check_list(messages):
    if not isinstance(messages, list) or not messages or not all(isinstance(message, dict) for message in messages):
        raise TokenizerError("messages must be a list of at least one dict, as in "
                             f"[{{'role': 'user', 'content': 'Hi!'}}]; got {str(messages)[:80]}")


def _check_message(message, where, roles):
    if set(message) != {"role", "content"}:
        raise TokenizerError(f"{where} must have the keys role and content, and no others, which would be lost; "
                             f"got {list(message)[:8]}")
    if message["role"] not in roles:
        raise TokenizerError(f"{where}['role'] must be one of {', '.join(roles)} (the system speaks first, and once); "
                             f"got {str(message['role'])[:40]!r}")
    try:
        check_text(message["content"])
    except TokenizerError as problem:
        raise TokenizerError(f"{where}['content']: {problem}") from None


def _alternating(messages, add_generation_prompt):
    """The system's words, or None, and those of user and assistant in turn."""
    check_messages(messages, True, add_generation_prompt)
    contents = [message["content"] for message in messages]
    return (contents[0], contents[1:]) if messages[0]["role"] == "system" else (None, contents)


def _in_turn(user, assistant, contents):
    return "".join((assistant if i % 2 else user).format(content) for i, content in enumerate(contents))
