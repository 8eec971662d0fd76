#!/usr/bin/env bash
# Installs programs that judge pages and codes, once, outside the repository: Chromium, axe-core, the Nu HTML checker,
# Lighthouse, zxing-cpp, ZBar, bwip-js and a renderer of ZPL. Prints the folder; JUDGES names another one.
set -euo pipefail
judges=${JUDGES:-$HOME/.cache/battery-passport/judges}
exec 3>&1 >&2
missing=()
add() { type "$1" >/dev/null 2>&1 || missing+=("$2"); }
add chromium chromium
add pdftoppm poppler-utils
add zbarimg zbar-tools
add java openjdk-17-jre-headless
add npm npm
python3 -c "import ensurepip" 2>/dev/null || missing+=(python3 python3-venv)
if [ ${#missing[@]} -gt 0 ]; then
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "${missing[@]}" >/dev/null
fi
mkdir -p "$judges"
exec 4<"$judges"
flock 4 # another run may be installing
cd "$judges"
[ -f package.json ] || npm init -y >/dev/null
node='axe-core@4.14.1 vnu-jar@26.9.27 bwip-js@4.11.4 zpl-renderer-js@3.4.0 lighthouse@12.8.2' python='zxing-cpp==3.1.1 pillow'
if [ "$(cat installed 2>/dev/null)" != "$node $python" ]; then # an interrupted installation is repeated
  npm install --ignore-scripts --no-audit --no-fund --silent $node
  python3 -m venv python
  python/bin/pip install --quiet $python
  echo "$node $python" >installed
fi
echo "$judges" >&3
