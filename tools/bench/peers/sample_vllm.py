"""Sampling with vLLM on the CPU."""

import os
import time

os.environ.update(HF_HUB_OFFLINE="1", VLLM_NO_USAGE_STATS="1", VLLM_LOGGING_LEVEL="ERROR")
os.environ["VLLM_CPU_KVCACHE_SPACE"] = "2"  # GiB
os.environ["VLLM_ENABLE_V1_MULTIPROCESSING"] = "0"  # it is asked for batches, and not by many

from serve import serve

models = []


def load(directory, threads, rollouts, length):
    os.environ["VLLM_CPU_OMP_THREADS_BIND"] = f"0-{threads - 1}" if threads > 1 else "0"
    from vllm import LLM

    started = time.perf_counter()
    model = LLM(
        directory,
        dtype="float32",
        enforce_eager=True,
        max_model_len=length,
        max_num_seqs=rollouts,
        enable_prefix_caching=True,
        disable_log_stats=True,
    )
    models.append(model)
    return {"seconds": time.perf_counter() - started}


def generate(prompts, siblings, newTokens, seed):
    from vllm import SamplingParams

    # The seed is not for vLLM: a request with one of its own fails on the CPU when its prompt is prefilled in parts.
    settings = SamplingParams(n=siblings, temperature=1.0, max_tokens=newTokens, ignore_eos=True, detokenize=False)
    started = time.perf_counter()
    results = models[0].generate([{"prompt_token_ids": prompt} for prompt in prompts], settings, use_tqdm=False)
    seconds = time.perf_counter() - started
    return {"seconds": seconds, "tokens": sum(len(output.token_ids) for result in results for output in result.outputs)}


if __name__ == "__main__":  # vLLM's workers import this file anew
    serve({"load": load, "generate": generate})
