#!/bin/sh
# Before the files of the package go: dpkg calls it with "remove" or "upgrade", rpm with
# the number of versions that stay.
set -e
case "${1:-}" in
remove | 0) ;;
*) exit 0 ;;
esac
[ ! -d /run/systemd/system ] || systemctl disable --now thnks-hubspot-sync || true
