"""Tokenizers as files, those of the field's libraries, none of which is trusted.

Before this package: `merges`, `chat`, `tokenizer`, `bpe`. After it: the reader can open any file of a byte-level BPE
tokenizer and say what each line is for. Reading order: fields (what a file may hold, as a table), chat_template and
settings (roles, sides), around and tokenizer_json (all in one file), bpe_files (a folder), tiktoken_ranks.
"""
