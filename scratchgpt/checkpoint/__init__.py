"""Files of weights. Read in this order: safetensors, shards, config_file, names, pretrained."""

from .pretrained import load_pretrained, save_pretrained
from .safetensors import load_file, open_file, save_file
