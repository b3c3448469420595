"""GRPO steps with TRL's GRPOTrainer: the first request has the settings, each later one asks for one optimiser step."""

import os
import re
import tempfile
import time

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import torch
from datasets import Dataset
from transformers import AutoTokenizer, TrainerCallback
from trl import GRPOConfig, GRPOTrainer

from model import load_model
from serve import Channel

channel = Channel()


class StepOnRequest(TrainerCallback):
    """TRL samples and learns between the begin and the end of a step."""

    def on_step_begin(self, *_args, **_kwargs):
        channel.receive()
        self._started = time.perf_counter()

    def on_step_end(self, *_args, **_kwargs):
        channel.reply({"seconds": time.perf_counter() - self._started, "tokens": lengths.pop()})


lengths = []


def reward(completions, completion_ids, answer, **_kwargs):
    lengths.append(sum(map(len, completion_ids)))
    return [float(boxed(text) == truth) for text, truth in zip(completions, answer)]


def boxed(completion):
    boxes = re.findall(r"\\boxed\{([^{}]*)\}", completion.rpartition("</think>")[2])
    return boxes[-1] if boxes else None


def train(directory, problems, problemsPerStep, responses, maxNewTokens, microBatch, attention, learningRate, threads):
    paths = problemsPerStep * responses
    settings = GRPOConfig(
        output_dir=tempfile.mkdtemp(),
        use_cpu=True,
        bf16=False,
        per_device_train_batch_size=microBatch,
        gradient_accumulation_steps=paths // microBatch,
        num_generations=responses,
        max_completion_length=maxNewTokens,
        max_steps=len(problems) // problemsPerStep,
        learning_rate=learningRate,
        lr_scheduler_type="constant",
        weight_decay=0.01,
        beta=0.001,
        epsilon=0.2,
        epsilon_high=0.28,
        gradient_checkpointing=False,
        save_strategy="no",
        logging_strategy="no",
        report_to="none",
        disable_tqdm=True,
    )
    trainer = GRPOTrainer(
        model=load_model(directory, attention, threads),
        reward_funcs=reward,
        args=settings,
        train_dataset=Dataset.from_list(problems),
        processing_class=AutoTokenizer.from_pretrained(directory),
        callbacks=[StepOnRequest()],
    )
    torch.set_num_threads(threads)
    channel.reply({})
    trainer.train()


train(**channel.receive())
