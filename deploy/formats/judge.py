"""Usage: judge.py FOLDER MISSING. Checks the documents in FOLDER/FORMAT/NAME with third-party validators, and prints the
number of documents that each has accepted. MISSING/FORMAT/NAME has the reported missing members of each. Exits with 1 if one was
rejected."""
import importlib.resources
import json
import pathlib
import re
import subprocess
import sys

import aas_core3_1.jsonization
import aas_core3_1.verification
import jsonschema
import yaml
from basyx.aas.adapter import aasx
from basyx.aas.adapter.json import read_aas_json_file
from basyx.aas.model import DictIdentifiableStore

bin = pathlib.Path(sys.executable).parent
documents, missing_members = (pathlib.Path(argument) for argument in sys.argv[1:3])
shared = pathlib.Path(__file__).resolve().parents[3] / "shared" / "data"


def run(*command):
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True)
    return [] if done.returncode == 0 else [re.sub(r"\x1b\[[0-9;]*m", "", done.stdout + done.stderr)[-2000:]]


def test_engines(file):
    return run(sys.executable, "-m", "aas_test_engines", "check_file", file, "--format", file.suffix[1:])


def aas_core(file):
    environment = aas_core3_1.jsonization.environment_from_jsonable(json.loads(file.read_text()))
    return [f"{e.path}: {e.cause}" for e in aas_core3_1.verification.verify(environment)]


def basyx(file):
    if file.suffix == ".aasx":
        objects = DictIdentifiableStore()
        with aasx.AASXReader(str(file), failsafe=False) as reader:
            reader.read_into(objects, aasx.DictSupplementaryFileContainer())
        return [] if len(objects) > 0 else ["no objects"]
    read_aas_json_file(str(file), failsafe=False)
    return []


def basyx_compliance(file):
    kind = {".json": ["--json"], ".aasx": ["--json", "--aasx"]}[file.suffix]
    return run(bin / "aas-compliance-check", "d", file, *kind)


def dpp_schema():
    document = yaml.safe_load((shared / "anchors" / "basyx-en18222-openapi.yaml").read_text())

    def convert(v):  # OpenAPI 3.0 to JSON Schema
        if isinstance(v, list):
            return [convert(item) for item in v]
        if not isinstance(v, dict):
            return v
        v = {name: convert(child) for name, child in v.items() if name not in ("discriminator", "example")}
        return {"anyOf": [{"type": "null"}, v]} if v.pop("nullable", False) else v

    return {"components": convert(document["components"]), "$ref": "#/components/schemas/DigitalProductPassport"}


def en18223(file):
    validator = jsonschema.Draft202012Validator(dpp_schema())
    return [f"{e.json_path}: {e.message}"[:500] for e in validator.iter_errors(json.loads(file.read_text()))]


def untp(file):
    """Uses the JSON Schema of UNTP, which the package dppvalidator has. It must find the reported missing members only."""
    schema = json.loads(importlib.resources.files("dppvalidator").joinpath("schemas/data/untp-dpp-schema-0.6.1.json").read_text())
    missing, problems = set(), []
    for e in jsonschema.Draft202012Validator(schema).iter_errors(json.loads(file.read_text())):
        if e.validator == "required":
            missing |= {"/".join(["", *map(str, e.absolute_path), name]) for name in e.validator_value if name not in e.instance}
        else:
            problems.append(f"{e.json_path}: {e.message}"[:500])
    reported = {loss["path"] for loss in json.loads((missing_members / file.parent.name / file.name).read_text()) or []}
    problems += [f"{path} is missing, and not reported" for path in sorted(missing - reported)]
    return problems + [f"{path} is reported as missing" for path in sorted(reported - missing)]


judges = {
    "untp-0.6": [untp],
    "idta-02035": [test_engines, aas_core, basyx, basyx_compliance],
    "aasx": [test_engines, basyx, basyx_compliance],
}
if (shared / "anchors").exists():
    judges["en18223"] = judges["en18223-full"] = [en18223]
else:
    print("NOT RUN: the schema of EN 18223. ../shared/data is missing.")

rejected = 0
for folder in sorted(documents.iterdir()):
    files = sorted(folder.iterdir())
    for judge in judges.get(folder.name, []):
        accepted = 0
        for file in files:
            try:
                problems = judge(file)
            except Exception as e:  # of a validator: the document is not valid
                problems = [repr(e)]
            accepted += not problems
            rejected += bool(problems)
            for problem in problems[:5]:
                print(f"{judge.__name__} rejects {folder.name}/{file.name}: {problem}")
        print(f"{judge.__name__} accepts {accepted} of {len(files)} documents of {folder.name}")
sys.exit(1 if rejected else 0)
