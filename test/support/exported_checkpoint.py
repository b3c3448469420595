"""What Hugging Face transformers makes of a checkpoint: log-probs of tokens, and prompts of chats. JSON in, JSON out."""

import json
import sys

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer


@torch.inference_mode()
def main():
    request = json.load(sys.stdin)
    model = AutoModelForCausalLM.from_pretrained(request["directory"], dtype=torch.float32).eval()
    tokenizer = AutoTokenizer.from_pretrained(request["directory"])
    log_probs = []
    for row in request["rows"]:
        ids = torch.tensor([row["tokens"]])
        predicted = torch.log_softmax(model(input_ids=ids, use_cache=False).logits[0], dim=-1)
        start = row["promptLength"]
        log_probs.append(predicted[start - 1 : -1].gather(-1, ids[0, start:, None])[:, 0].tolist())
    prompts = [
        tokenizer(
            tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=True), add_special_tokens=False
        )["input_ids"]
        for chat in request["chats"]
    ]
    json.dump({"logProbs": log_probs, "prompts": prompts}, sys.stdout)


main()
