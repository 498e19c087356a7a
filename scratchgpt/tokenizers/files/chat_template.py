"""The chat template of a folder.

Before this file: `chat.templates`, `fields`. After it: the reader knows the three places where a template may stand: as
a string or a list of named ones in `tokenizer_config.json`, and in a file of its own, `chat_template.jinja`.
"""

from pathlib import Path

from ...errors import TokenizerError
from ..chat.templates import JINJA, TEMPLATES
from ..ids import check_text
from .fields import blaming, check_fields, read_text

TEMPLATE = "chat_template.jinja"
MAX_BYTES = 1_000_000


def read_template(folder, configured, where):
    """Return the chat template of a folder: the name of one of ours, Jinja source, or None.

    configured  what `tokenizer_config.json` says
    where       str, what errors call that
    Raises TokenizerError naming the file.
    Source: `from_pretrained` of the transformers library, for which the file of its own is right too.
    """
    path = Path(folder) / TEMPLATE
    return _read(read_text(path, MAX_BYTES), path) if path.exists() else _read(configured, where)


def template_source(template):
    """Return the Jinja source of a chat template: of a name, of one of the functions of `chat.templates`, or of itself.

    Raises TokenizerError for another function, which cannot be written, and for what is no template.
    """
    known = [name for name, function in TEMPLATES.items() if template in (name, function)]
    if not known and not isinstance(template, (str, type(None))):
        raise TokenizerError("a chat_template to be saved must be a name, Jinja source, or a function of "
                             f"scratchgpt.tokenizers.chat; got {str(template)[:60]}; assign Jinja source, or None")
    return JINJA[known[0]] if known else template


def _read(value, where):
    """The source, or its name; of several templates the one called default, or else none."""
    if isinstance(value, list):
        table = {"name": (str,), "template": (str,)}
        entries = [check_fields(entry, table, f"{where}: chat_template") for entry in value]
        value = {entry["name"]: entry["template"] for entry in entries}
    if isinstance(value, dict):
        value = check_fields(value, {"default": (str, ...)}, f"{where}: chat_template", others=True).get("default")
    with blaming(f"{where}: chat_template"):
        source = value if value is None else check_text(value)
    return next((name for name, known in JINJA.items() if known == source), source)
