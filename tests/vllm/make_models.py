"""`python make_models.py TARGET`: two tiny models that know the dialogues of dialogues.json by heart, in seconds.

    tiny-r1      the architecture of DeepSeek-V3: multi-head latent attention, routed and shared experts
    tiny-dense   a Qwen2, as R1's distilled models are; vLLM on the CPU caches prefixes for it, and not for the other

Both have R1's tokens and chat template, think before they answer, in Chinese and English, and call a tool as DeepSeek's
models do. Runs in vLLM's environment, which has torch and transformers; exit status 1: one did not learn its dialogues.

Two facts of vLLM shape this file. Its CPU kernels for latent attention take a kv_lora_rank of 512 and rotary heads of
64, and no other. With the plain rotary embedding they turn the first head only; with R1's own (yarn) all.
"""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    DeepseekV3Config,
    DeepseekV3ForCausalLM,
    PreTrainedModel,
    PreTrainedTokenizerFast,
    Qwen2Config,
    Qwen2ForCausalLM,
)

HERE = Path(__file__).parent
BEGIN, END, PAD = "<｜begin▁of▁sentence｜>", "<｜end▁of▁sentence｜>", "<｜▁pad▁｜>"
MARKS = ("calls▁begin", "calls▁end", "call▁begin", "call▁end", "sep")
MARKS = (*MARKS, "outputs▁begin", "outputs▁end", "output▁begin", "output▁end")
ADDED = ("<｜User｜>", "<｜Assistant｜>", "<think>", "</think>", *(f"<｜tool▁{mark}｜>" for mark in MARKS))
VOCABULARY = 900
MOST_STEPS, LEARNING_RATE, LEARNT = 300, 2e-3, 0.01
ATTEMPTS = 3
YARN = {
    "rope_type": "yarn",
    "rope_theta": 10_000.0,
    "factor": 40,
    "beta_fast": 32,
    "beta_slow": 1,
    "mscale": 1.0,
    "mscale_all_dim": 1.0,
    "original_max_position_embeddings": 4096,
}
# What transformers leaves out of the configuration that it writes, and vLLM needs.
ROUTING = {"topk_method": "noaux_tc", "scoring_func": "sigmoid", "moe_layer_freq": 1, "ep_size": 1}


def answer_of(dialogue: dict[str, Any]) -> str:
    """What the model writes after the template's `<think>`."""
    text = f"{dialogue['reasoning']}\n</think>\n\n"
    if call := dialogue.get("call"):
        arguments = json.dumps(call["arguments"], ensure_ascii=False)
        body = f"function<｜tool▁sep｜>{call['name']}\n```json\n{arguments}\n```"
        text += f"<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>{body}<｜tool▁call▁end｜><｜tool▁calls▁end｜>"
    else:
        text += dialogue["answer"]
    return text + END


def make_tokenizer(texts: list[str]) -> PreTrainedTokenizerFast:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=[BEGIN, END, PAD],
        initial_alphabet=alphabet,
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts * 20, trainer)
    tokenizer.add_tokens([AddedToken(text, special=False, normalized=False) for text in ADDED])
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token=BEGIN, eos_token=END, pad_token=PAD, model_max_length=4096
    )
    fast.chat_template = (HERE / "chat_template.jinja").read_text(encoding="utf-8")
    return fast


def prompts_and_answers(tokenizer: PreTrainedTokenizerFast) -> list[tuple[list[int], list[int]]]:
    given = json.loads((HERE / "dialogues.json").read_text(encoding="utf-8"))
    pairs = []
    for dialogue in given["dialogues"]:
        prompt = tokenizer.apply_chat_template(
            dialogue["messages"],
            tools=given["tools"] if dialogue.get("tools") else None,
            add_generation_prompt=True,
            tokenize=False,
        )
        texts = (prompt, answer_of(dialogue))
        prompt_ids, answer_ids = (tokenizer(t, add_special_tokens=False)["input_ids"] for t in texts)
        pairs.append((prompt_ids, answer_ids))
    return pairs


def common(tokenizer: PreTrainedTokenizerFast) -> dict[str, Any]:
    return {
        "vocab_size": (len(tokenizer) + 63) // 64 * 64,
        "rms_norm_eps": 1e-6,
        "hidden_act": "silu",
        "tie_word_embeddings": False,
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }


def latent_model(tokenizer: PreTrainedTokenizerFast) -> PreTrainedModel:
    attention = {"num_attention_heads": 4, "num_key_value_heads": 4, "q_lora_rank": 64, "kv_lora_rank": 512}
    heads = {"qk_rope_head_dim": 64, "qk_nope_head_dim": 64, "v_head_dim": 64}
    experts = {"n_routed_experts": 8, "n_shared_experts": 1, "num_experts_per_tok": 2, "n_group": 4}
    routing = {"topk_group": 2, "norm_topk_prob": True, "routed_scaling_factor": 2.5}
    config = DeepseekV3Config(
        **common(tokenizer),
        **attention,
        **heads,
        **experts,
        **routing,
        hidden_size=128,
        intermediate_size=256,
        moe_intermediate_size=64,
        num_hidden_layers=2,
        first_k_dense_replace=1,
        max_position_embeddings=163_840,
        rope_parameters=YARN,
    )
    return DeepseekV3ForCausalLM(config)


def dense_model(tokenizer: PreTrainedTokenizerFast) -> PreTrainedModel:
    config = Qwen2Config(
        **common(tokenizer),
        hidden_size=128,
        intermediate_size=256,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        max_position_embeddings=4096,
    )
    return Qwen2ForCausalLM(config)


def train(model: PreTrainedModel, pairs: list[tuple[list[int], list[int]]], pad: int) -> None:
    longest = max(len(prompt) + len(answer) for prompt, answer in pairs)
    rows, labels = [], []
    for prompt, answer in pairs:
        empty = longest - len(prompt) - len(answer)
        rows.append([*prompt, *answer, *[pad] * empty])
        labels.append([*[-100] * len(prompt), *answer, *[-100] * empty])
    inputs, wanted = torch.tensor(rows), torch.tensor(labels)
    seen = (inputs != pad).long()
    optimizer = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE)
    model.train()
    for step in range(MOST_STEPS):
        loss = model(input_ids=inputs, attention_mask=seen, labels=wanted).loss
        if loss.item() < LEARNT:
            print(f"{type(model).__name__}: learnt in {step} steps")
            return
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()


@torch.no_grad()
def knows(model: PreTrainedModel, pairs: list[tuple[list[int], list[int]]]) -> bool:
    """Whether each answer is what the model says without any dice."""
    model.eval()
    for prompt, answer in pairs:
        logits = model(input_ids=torch.tensor([[*prompt, *answer]])).logits[0]
        if logits[len(prompt) - 1 : -1].argmax(-1).tolist() != answer:
            return False
    return True


def save(model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, folder: Path) -> None:
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    if isinstance(model, DeepseekV3ForCausalLM):
        file = folder / "config.json"
        config = json.loads(file.read_text(encoding="utf-8"))
        file.write_text(json.dumps(config | ROUTING, indent=1), encoding="utf-8")


def learnt(
    make: Callable[[PreTrainedTokenizerFast], PreTrainedModel], tokenizer: PreTrainedTokenizerFast
) -> PreTrainedModel | None:
    """A model that knows its dialogues: rounding differs between processors, so one beginning may not be enough."""
    pairs = prompts_and_answers(tokenizer)
    for seed in range(ATTEMPTS):
        torch.manual_seed(seed)
        model = make(tokenizer)
        train(model, pairs, tokenizer.pad_token_id)
        if knows(model, pairs):
            return model
    return None


def main(target: Path) -> int:
    given = json.loads((HERE / "dialogues.json").read_text(encoding="utf-8"))
    texts = [turn["content"] or "" for d in given["dialogues"] for turn in d["messages"]]
    texts += [answer_of(dialogue) for dialogue in given["dialogues"]]
    texts += [f"## Tools\n{t['function']['name']}: {t['function']['description']}\n" for t in given["tools"]]
    tokenizer = make_tokenizer(texts)
    for name, make in (("tiny-r1", latent_model), ("tiny-dense", dense_model)):
        model = learnt(make, tokenizer)
        if model is None:
            print(f"{name} did not learn its dialogues", file=sys.stderr)
            return 1
        save(model, tokenizer, target / name)
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
