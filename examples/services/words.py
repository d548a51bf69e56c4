"""``demo.Words``: what ``nlp.py`` knows, as a service of gRPC (grpcio), and a client of it.

    words.py --port 9106                                   the service
    words.py ask 127.0.0.1:8080 "make it warmer"           asks for a label, through a gateway or not
    words.py tell 127.0.0.1:8080 5                         five words, as they come

Messages are those of ``words.proto``, of which ``words.binpb`` is the set of descriptors: no code is generated.
"""

from __future__ import annotations

import argparse
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from nlp import END, VARIANTS, WORD, Chain, Model, read_examples

DESCRIPTORS = Path(__file__).with_name("words.binpb")
SERVICE = "demo.Words"
MOST_TOKENS = 100_000
LIMIT = 10.0  #: seconds that a client waits


def messages() -> dict[str, Any]:
    """The classes of the messages, by name."""
    pool = descriptor_pool.DescriptorPool()
    for file in descriptor_pb2.FileDescriptorSet.FromString(DESCRIPTORS.read_bytes()).file:
        pool.Add(file)
    names = ("Text", "Label", "Prompt", "Token")
    return {name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"demo.{name}")) for name in names}


class Words:
    """The methods."""

    def __init__(self) -> None:
        examples = read_examples()
        self._kinds = messages()
        self._model = Model(examples, lengths=VARIANTS["stable"])
        self._chain = Chain(text for _, text in examples)

    def classify(self, request: Any, context: grpc.ServicerContext) -> Any:
        """The label of the text, and how sure."""
        if not WORD.search(request.text):
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "send some text")
        scores = self._model.classify(request.text)
        label = next(iter(scores))
        return self._kinds["Label"](model="ngram-stable", label=label, score=round(scores[label], 4))

    def tell(self, request: Any, context: grpc.ServicerContext) -> Iterator[Any]:
        """Words, as long as somebody listens."""
        start = (WORD.findall(request.prompt.lower()) or [END])[-1]
        count = min(request.tokens or 40, MOST_TOKENS)
        for index, word in enumerate(self._chain.words(count, request.seed, start)):
            if not context.is_active():
                return
            yield self._kinds["Token"](index=index, token=word)
            time.sleep(request.pace_ms / 1000)

    def handler(self) -> grpc.GenericRpcHandler:
        """What a server is told of them."""
        kinds = self._kinds
        return grpc.method_handlers_generic_handler(
            SERVICE,
            {
                "Classify": grpc.unary_unary_rpc_method_handler(
                    self.classify, kinds["Text"].FromString, kinds["Label"].SerializeToString
                ),
                "Tell": grpc.unary_stream_rpc_method_handler(
                    self.tell, kinds["Prompt"].FromString, kinds["Token"].SerializeToString
                ),
            },
        )


def serve(port: int) -> None:
    """Run until SIGINT or SIGTERM."""
    server = grpc.server(ThreadPoolExecutor(16), options=(("grpc.so_reuseport", 0),))
    server.add_generic_rpc_handlers((Words().handler(),))
    server.add_insecure_port(f"127.0.0.1:{port}")
    server.start()
    signal.sigwait({signal.SIGINT, signal.SIGTERM})
    server.stop(1.0).wait()


def ask(address: str, text: str) -> None:
    """Print the label of a text."""
    kinds = messages()
    with grpc.insecure_channel(address) as channel:
        call = channel.unary_unary(f"/{SERVICE}/Classify", kinds["Text"].SerializeToString, kinds["Label"].FromString)
        found = call(kinds["Text"](text=text), timeout=LIMIT)
    print(f"{found.label} {found.score}")


def tell(address: str, tokens: str) -> None:
    """Print some words as they come."""
    kinds = messages()
    with grpc.insecure_channel(address) as channel:
        call = channel.unary_stream(f"/{SERVICE}/Tell", kinds["Prompt"].SerializeToString, kinds["Token"].FromString)
        for one in call(kinds["Prompt"](tokens=int(tokens), seed=1), timeout=LIMIT):
            print(one.index, one.token, flush=True)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=9106, help="of the service (%(default)s)")
    parser.add_argument("words", nargs="*", metavar="ask|tell ADDRESS TEXT|COUNT", help="ask as a client instead")
    options = parser.parse_args()
    if not options.words:
        # Blocked before there are threads, which would take them otherwise.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
        serve(options.port)
    elif len(options.words) == 3 and options.words[0] in ("ask", "tell"):
        {"ask": ask, "tell": tell}[options.words[0]](*options.words[1:])
    else:
        parser.error("expected: ask ADDRESS TEXT, or tell ADDRESS COUNT")


if __name__ == "__main__":
    main()
