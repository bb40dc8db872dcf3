#!/bin/sh
# After the files of the package are there. dpkg calls it with "configure" and the
# version that was there before, rpm with the number of versions that are there now.
set -e
name=thnks-hubspot-sync
etc=/etc/$name

upgrade=no
case "${1:-}" in
configure) [ -z "${2:-}" ] || upgrade=yes ;;
1) ;;
2 | 3) upgrade=yes ;;
*) exit 0 ;;
esac

systemd-sysusers $name.conf || true
chgrp $name $etc $etc/config.yaml
chmod 0750 $etc
chmod 0640 $etc/config.yaml
chmod 0700 $etc/secrets

[ -d /run/systemd/system ] || exit 0
systemctl daemon-reload
if [ $upgrade = no ]; then
	echo "$name: put the secrets into $etc/secrets, edit $etc/config.yaml, then: systemctl enable --now $name"
	exit 0
fi
systemctl is-active --quiet $name || exit 0
# The new program looks at the configuration before the old one is ended.
if systemd-run --quiet --wait --pipe --collect \
	--property=User=$name --property=LoadCredential=secrets:$etc/secrets \
	/usr/bin/$name check --config $etc/config.yaml >/run/$name.check 2>&1; then
	systemctl restart $name
else
	cat /run/$name.check
	echo "$name: the new version refuses this configuration, so the old process goes on. Put that right, then: systemctl restart $name" >&2
fi
rm -f /run/$name.check
