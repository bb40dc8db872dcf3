#!/bin/sh
# After the files of the package are gone. Configuration, secrets and state stay until
# the package is purged, which rpm does not know.
set -e
[ ! -d /run/systemd/system ] || systemctl daemon-reload || true
[ "${1:-}" = purge ] || exit 0
rm -rf /etc/thnks-hubspot-sync /var/lib/thnks-hubspot-sync
