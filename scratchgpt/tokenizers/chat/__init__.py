"""Conversations as text.

Before this package: `special`. After it: the reader knows how messages become the one text that a chat model continues,
and how a template from outside is run without trusting it. Reading order: jinja_worker (the other side of the fence),
jinja_render, templates.
"""

from .templates import JINJA, TEMPLATES, render_chat

__all__ = ["JINJA", "TEMPLATES", "render_chat"]
