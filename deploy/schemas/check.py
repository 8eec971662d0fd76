"""Validates the bodies of check.js with jsonschema, and prints which invalid cases were found."""
import json
import os
import pathlib
import sys

from jsonschema import Draft202012Validator, FormatChecker

ENOUGH = 50

folder = pathlib.Path(os.environ["ROOT"], "docs/schemas/bp-2027-02")
validators = {}
for path in folder.iterdir():
    schema = json.loads(path.read_text())
    Draft202012Validator.check_schema(schema)
    validators[path.name] = Draft202012Validator(schema, format_checker=FormatChecker())

problems, found, cases = [], 0, 0
print(f"{'invalid case':<55} Ajv jsonschema")
for body in json.loads(pathlib.Path("bodies.json").read_text()):
    valid = {}
    for purpose, files in body["schemas"].items():
        results = {validators[name].is_valid(body["body"]) for name in files}
        if len(results) > 1:
            problems.append(f"{body['name']}: {files} differ")
        valid[purpose] = all(results)
    if valid["draft"] != body["draft"]:
        problems.append(f"{body['name']}: valid draft {valid['draft']}, want {body['draft']}")
    if body["complete"] and not valid["publish"]:
        errors = [e.message for e in validators["publish.json"].iter_errors(body["body"])]
        problems.append(f"{body['name']}: a complete passport is refused: {errors}")
    if body.get("invalid"):
        by_ajv = bool(body["errors"]["publish"])
        cases += 1
        found += by_ajv and not valid["publish"]
        print(f"{body['name']:<55} {'yes' if by_ajv else '-':<3} {'-' if valid['publish'] else 'yes'}")
print(f"found by both: {found} of {cases}, want at least {ENOUGH}")
if problems or found < ENOUGH:
    sys.exit("\n".join(problems) or "too few cases were found")
