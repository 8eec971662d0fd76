#!/bin/sh
# Refuses published passwords, which begin with demo-, in production and where other machines can reach the suite. It
# checks all environment variables.
case $BIND_ADDRESS in
127.* | localhost | ::1 | '[::1]') reason= ;;
*) reason="with BIND_ADDRESS=$BIND_ADDRESS other machines can reach the suite" ;;
esac
[ "$APP_ENV" != production ] || reason="with APP_ENV=production"
published=$(env | sed -n 's/^\([A-Z0-9_]*\)=demo-.*/\1/p' | sort)
if [ -z "$reason" ] || [ -z "$published" ]; then exit 0; fi

echo "The suite does not start: $reason, and the following passwords are published. Set them in .env:"
echo
for name in $published; do echo "  $name"; done
echo
echo "To replace all of them with random ones before the first start:"
echo
echo "  for name in" $published"; do echo \$name=\$(openssl rand -hex 24); done >> .env"
exit 1
