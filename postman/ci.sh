#!/bin/sh
# Runs the collection against a suite of its own: new, on free ports, with its
# data in a temporary folder. What is given to it goes on to newman. The exit
# status is newman's.
set -eu
cd "$(dirname "$0")/.."

command -v npx >/dev/null || { echo 'postman/ci.sh needs npx, which comes with Node.js: https://nodejs.org' >&2; exit 1; }

work=$(mktemp -d)
pid=
finish() {
	status=$?
	trap - EXIT INT TERM
	[ -z "$pid" ] || { kill "$pid" 2>/dev/null && wait "$pid" || :; }
	rm -rf "$work"
	exit "$status"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

go build -o "$work/local" ./deploy/local

# A port of 0 is a free one. What the environment names elsewhere is not used.
env -u MONGODB_URI -u KAFKA_BROKERS -u S3_ENDPOINT -u S3_PUBLIC_ENDPOINT -u SMTP_HOST \
	AUTH_PORT=0 PASSPORT_PORT=0 DOCUMENT_PORT=0 NOTIFICATION_PORT=0 KAFKA_PORT=0 S3_PORT=0 MAIL_PORT=0 \
	DATA_DIR="$work/data" "$work/local" >"$work/out" 2>"$work/log" &
pid=$!

# It says where everything is when all of it is ready.
tries=120
until grep -q '^  text files' "$work/out"; do
	tries=$((tries - 1))
	if [ "$tries" -eq 0 ] || ! kill -0 "$pid" 2>/dev/null; then
		echo 'the suite did not become ready; the end of its log:' >&2
		tail -n 40 "$work/out" "$work/log" >&2
		exit 1
	fi
	sleep 0.5
done
url() { awk -v service="$1" '$1 == service { print $2 }' "$work/out"; }

status=0
make --no-print-directory postman POSTMAN_FLAGS="--env-var authUrl=$(url auth-service) --env-var passportUrl=$(url passport-service) \
	--env-var documentUrl=$(url document-service) --env-var notificationUrl=$(url notification-service) $*" || status=$?
if [ "$status" -ne 0 ]; then
	echo 'the end of the log of the suite:' >&2
	tail -n 40 "$work/log" >&2
fi
exit "$status"
