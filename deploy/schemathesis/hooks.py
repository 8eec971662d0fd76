"""Lets Schemathesis encode and decode NDJSON bodies."""

import json

import schemathesis

NDJSON = "application/x-ndjson"


@schemathesis.serializer(NDJSON)
def to_lines(ctx, value):
    return value if isinstance(value, bytes) else json.dumps(value).encode()


@schemathesis.deserializer(NDJSON)
def from_lines(ctx, response):
    # The schema describes one line, and requests have one line. Empty bodies have no line.
    lines = response.content.splitlines()
    return json.loads(lines[0]) if lines else {"line": 1}
