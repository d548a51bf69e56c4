"""Rows of the table of counters (``core.counters``) that are of answers of services which are none: broken off, of another kind than was
asked for, or told to clients in other words."""

from __future__ import annotations

from typing import Final

from fastgw.core.counters import BAD_ANSWERS

#: Why a stream ended before its end, in the words of errors (``docs/errors.md``).
STREAM_ENDS: Final = (
    "upstream_reset",
    "error_event",
    "first_token_timeout",
    "event_timeout",
    "timeout",
    "ceiling",
    "client_gone",
    "drained",
    "other",
)
#: What was wrong with an answer to a request for a model.
MISFITS: Final = ("content_type", "truncated")

STREAMS_BROKEN = BAD_ANSWERS.counter(
    "fastgw_streams_broken",
    "Streams of events, or of lines of JSON, of the service that ended before their end, by the cause.",
    "`timeout`: of the route, or between two reads. See [streams](streams.md#what-is-counted).",
    label="cause",
    values=STREAM_ENDS,
)
ANSWERS_MISFIT = BAD_ANSWERS.counter(
    "fastgw_answers_misfit",
    "Answers of the service to requests for models that were none, and became 502, by what was wrong with them.",
    "See [what services answer](models.md#what-services-answer).",
    label="reason",
    values=MISFITS,
)
ERRORS_REDACTED = BAD_ANSWERS.counter(
    "fastgw_errors_redacted",
    "Errors of the service that clients were told in other words, as they had something that was not for them.",
    "See [`credentials`](configuration.md#servicesnamecredentials).",
)
