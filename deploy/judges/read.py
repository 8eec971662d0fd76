"""Prints a JSON line for each picture: the barcodes in it, with symbology identifier and text."""
import json
import sys

import zxingcpp
from PIL import Image

for name in sys.argv[1:]:
    codes = zxingcpp.read_barcodes(Image.open(name))
    print(json.dumps({"file": name, "codes": [{"symbology": c.symbology_identifier, "text": c.bytes.decode()} for c in codes]}))
