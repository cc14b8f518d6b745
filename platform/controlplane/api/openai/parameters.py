"""Which fields a request may have: what decides the answer goes on to the engine, everything else is refused by its name.

What steers an engine and the others it works with is on no list: whose turn it is (`priority`), which cache is read
(`cache_salt`, `kv_transfer_params`), which host is called (`bootstrap_host`), which template runs (`chat_template`), what code
(`custom_logit_processor`). So is what engines will only have tomorrow.
"""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _

from controlplane.core.problems import InvalidInput

# OpenAI's reference (chat, completions), and what Karez itself reads: `karez`, and of DeepSeek's API `thinking`.
_OPENAI = """
model stream stream_options user temperature top_p max_tokens presence_penalty frequency_penalty seed stop n logit_bias logprobs
"""
# Taken, for clients send them unasked, and kept from the engine: they speak of OpenAI's own storage, tariffs and caches.
_NOT_PASSED_ON = """
metadata store service_tier safety_identifier prompt_cache_key prompt_cache_retention
"""
# Sampling and form of the answer beyond OpenAI's: vLLM 0.32 (its `ChatCompletionRequest`), SGLang, llama.cpp.
_SAMPLING = """
top_k min_p repetition_penalty length_penalty stop_token_ids include_stop_str_in_output ignore_eos min_tokens
skip_special_tokens spaces_between_special_tokens truncate_prompt_tokens truncation_side allowed_token_ids bad_words
logprob_token_ids echo return_tokens_as_token_ids structured_outputs guided_json guided_regex guided_choice guided_grammar
guided_decoding_backend guided_whitespace_pattern response_format repetition_detection thinking_token_budget watermarking
regex ebnf json_schema grammar no_stop_trim typical_p top_n_sigma mirostat mirostat_tau mirostat_eta repeat_penalty
repeat_last_n dry_multiplier dry_base dry_allowed_length dry_sequence_breakers xtc_probability xtc_threshold dynatemp_range
dynatemp_exponent samplers
"""
_CHAT = """
karez messages max_completion_tokens top_logprobs tools tool_choice parallel_tool_calls functions function_call
reasoning_effort reasoning verbosity modalities prediction thinking include_reasoning separate_reasoning stream_reasoning
chat_template_kwargs
"""


def _names(*lists: str) -> frozenset[str]:
    return frozenset(name for names in lists for name in names.split())


ALLOWED: Mapping[str, frozenset[str]] = {
    "chat/completions": _names(_OPENAI, _NOT_PASSED_ON, _SAMPLING, _CHAT),
    "completions": _names(_OPENAI, _NOT_PASSED_ON, _SAMPLING, "prompt suffix best_of"),
    "embeddings": _names(
        "model input user encoding_format dimensions truncate_prompt_tokens truncation_side input_type"
    ),
    "rerank": _names(
        "model query documents top_n user return_documents max_tokens_per_doc truncate_prompt_tokens"
    ),
}
WITHHELD = _names(_NOT_PASSED_ON, "karez")
# In the arguments of the chat template: what would take another template, or begin the answer.
_TEMPLATES_OWN = frozenset(
    {"chat_template", "tokenize", "add_generation_prompt", "continue_final_message", "documents"}
)


def check_parameters(*, call: str, sent: Mapping[str, Any]) -> None:
    """Raise InvalidInput for the first field that may not be set here. `null` is not set."""
    allowed = ALLOWED[call]
    if not sent.keys() <= allowed:
        for name, value in sent.items():
            if name not in allowed and value is not None:
                raise unsupported(name)
    arguments = sent.get("chat_template_kwargs")
    if isinstance(arguments, dict):
        for name in sorted(_TEMPLATES_OWN & arguments.keys()):
            raise unsupported(f"chat_template_kwargs.{name}")


def passed_on(*, call: str, sent: Mapping[str, Any]) -> dict[str, Any]:
    """What the engine gets."""
    allowed = ALLOWED[call] - WITHHELD if WITHHELD & sent.keys() else ALLOWED[call]
    return {name: value for name, value in sent.items() if name in allowed}


def unsupported(field: str) -> InvalidInput:
    """The refusal."""
    return InvalidInput(
        code="unsupported_parameter",
        field=field,
        detail=_("“%(field)s” cannot be set here.") % {"field": field},
        remedy=_("Leave it out."),
    )
