"""Asks a language model by OpenAI's SDK, and writes what it says as it comes.

chat.py http://127.0.0.1:8080/v1 "What is the capital of France?"
"""

from __future__ import annotations

import argparse

from openai import APIError, OpenAI


def main() -> int:
    """One question; 1 when there is no answer."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url", help="of the API, with /v1")
    parser.add_argument("question")
    parser.add_argument("--model", default="gemma")
    parser.add_argument("--key", default="none", help="where the gateway asks for one")
    options = parser.parse_args()
    client = OpenAI(base_url=options.url, api_key=options.key)
    try:
        chunks = client.chat.completions.create(
            model=options.model,
            messages=[{"role": "user", "content": options.question}],
            temperature=0,
            max_tokens=60,
            stream=True,
        )
        for chunk in chunks:
            if chunk.choices:
                print(chunk.choices[0].delta.content or "", end="", flush=True)
    except APIError as error:
        print(f"{type(error).__name__}: {error}")
        return 1
    print()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
