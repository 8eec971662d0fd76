#!/bin/sh
# Runs the collection against a suite of its own. What is given to it goes on to
# newman. The exit status is newman's.
set -eu
cd "$(dirname "$0")/.."

command -v npx >/dev/null || { echo 'postman/ci.sh needs npx, which comes with Node.js: https://nodejs.org' >&2; exit 1; }

# shellcheck disable=SC2016 # the variables are those of the suite
exec .ci/with-suite sh -c 'make --no-print-directory postman POSTMAN_FLAGS="--env-var authUrl=$AUTH_URL --env-var passportUrl=$PASSPORT_URL \
	--env-var documentUrl=$DOCUMENT_URL --env-var notificationUrl=$NOTIFICATION_URL $*"' postman "$@"
