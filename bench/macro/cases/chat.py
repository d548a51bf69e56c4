"""OpenAI's chat endpoint, beside gateways made for nothing else."""

from __future__ import annotations

from bench.macro.cases.base import CHATS, Case, Variant, measure_load
from bench.macro.scenario import Scenario

CHAT = Case(
    name="chat",
    title="POST /v1/chat/completions of 1 KB, not streamed",
    measure=measure_load,
    variants=(Variant("", Scenario(chat=True), CHATS),),
    peers=("nginx", "fastgw", "fastgw-pure", "portkey", "litellm"),
    in_quick=False,
    notes=(
        "Portkey and LiteLLM parse and check the request, translate it and count tokens, which the others do not; they are exempt from "
        "the check of added headers. The figures say what a gateway costs that is put in front for routing alone."
    ),
)
