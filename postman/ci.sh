#!/bin/sh
# Runs the collection against a new suite. Arguments are passed to newman. The exit
# status is that of newman.
set -eu
cd "$(dirname "$0")/.."

command -v npx >/dev/null || { echo 'postman/ci.sh needs npx, which comes with Node.js: https://nodejs.org' >&2; exit 1; }

# shellcheck disable=SC2016 # with-suite sets the variables
exec .ci/with-suite sh -c 'make --no-print-directory postman POSTMAN_FLAGS="--env-var authUrl=$AUTH_URL --env-var passportUrl=$PASSPORT_URL \
	--env-var documentUrl=$DOCUMENT_URL --env-var notificationUrl=$NOTIFICATION_URL $*"' postman "$@"
