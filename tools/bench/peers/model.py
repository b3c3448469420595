"""What the peers share: a checkpoint opened as a Hugging Face model, and this process's memory."""

import resource

import torch
from transformers import AutoModelForCausalLM
from transformers.utils import logging

logging.set_verbosity_error()


def load_model(directory, attention, threads):
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    return AutoModelForCausalLM.from_pretrained(directory, attn_implementation=attention, dtype=torch.float32).eval()


def limit_memory(bytes):
    """Allocations beyond it fail; file mappings do not count."""
    resource.setrlimit(resource.RLIMIT_DATA, (bytes, bytes))
    return {}


def resident_bytes():
    return _status("VmRSS")


def reset_peak():
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")


def peak_bytes():
    """Largest resident set since the last reset."""
    return _status("VmHWM")


def _status(field):
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith(field))
