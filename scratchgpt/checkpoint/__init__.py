"""Files of weights. Read in this order: safetensors, names, pretrained."""

from .pretrained import load_pretrained, save_pretrained
from .safetensors import load_file, save_file
