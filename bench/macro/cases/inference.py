"""What clients of model servers send, beside routers made for them: whole answers of three sizes of prompt, and streams."""

from __future__ import annotations

from bench.macro.cases.base import Case, Load, Round, Variant, corpus_file, load_metrics, measure_load, memory_metrics
from bench.macro.cases.half_load import DIRECT
from bench.macro.loads import StreamsResult, run_streams
from bench.macro.scenario import Scenario
from bench.macro.subject import Sample

PEERS = ("nginx", "fastgw", "fastgw-inference", "vllm-router", "smg")
CONNECTIONS, RATE = 768, 256.0  #: streams of 2 s each (``native/service.c``), so 512 at once
SECONDS = 5.0  #: at least: a percentile of fewer is none


def _sized(body: int, connections: int, count: int) -> Load:
    return Load(connections=connections, method="POST", body=body, count=count, chat=True, lines=True)


INFERENCE = Case(
    name="inference",
    title="Chat completions, not streamed, by the size of the prompt",
    measure=measure_load,
    variants=(
        Variant("1 KB", Scenario(chat=True), _sized(1 << 10, 64, 2000), peers=(*PEERS, "litellm")),
        Variant("32 KB", Scenario(chat=True), _sized(1 << 15, 64, 500)),
        Variant("1 MB with an image", Scenario(chat=True, big_bodies=True), _sized(1 << 20, 16, 32)),
    ),
    peers=PEERS,
    in_quick=False,
    notes=(
        "nginx and fastgw pass the body unread; fastgw-inference finds its model and renames it, knows the key, holds it to a limit of "
        "tokens, and counts these; vllm-router and SMG read the request and choose a service; LiteLLM translates and counts besides."
    ),
)


def measure_streams(this: Round) -> Sample:
    """CPU per event; latency is that of the first event of a stream, from when its request was due."""
    results: list[StreamsResult] = []
    corpus = corpus_file(this.variant.scenario, this.variant.load)

    def work() -> None:
        seconds = max(SECONDS, this.seconds)
        results.append(run_streams(this.subject.port, corpus, connections=CONNECTIONS, rate=RATE, seconds=seconds))

    meter = this.subject.metered(work)
    sample = {**load_metrics(results[0].load, meter), **memory_metrics(this.subject)}
    sample["cpu_us"] = meter.total / max(results[0].events, 1) * 1e6
    direct = this.shared.get(DIRECT)
    if direct is not None:
        for name in ("p50_us", "p99_us", "p999_us"):
            sample[f"added_{name}"] = sample[name] - direct[name]
    return sample


INFERENCE_STREAMS = Case(
    name="inference_streams",
    title="Chat completions, streamed: 512 streams, arrivals by a Poisson process, an event each 40 ms (CPU per event)",
    measure=measure_streams,
    variants=(
        Variant(
            "",
            Scenario(chat=True, streaming=True),
            Load(method="POST", body=1024, chat=True, lines=True, stream=True),
        ),
    ),
    peers=PEERS,
    direct=True,
    in_quick=False,
    most_rounds=3,
    most_quick_rounds=3,
    notes="Latency is the time to the first event; added latency is less that of the service without a gateway in the same round.",
)
