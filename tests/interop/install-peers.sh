#!/bin/sh
# Installs the independent peers and the tools of tests/interop from Debian 12's own archive, if they are missing.
set -eu

PACKAGES="strongswan-charon strongswan-swanctl libstrongswan-standard-plugins libcharon-extra-plugins \
          libcharon-extauth-plugins vpnc tshark tcpdump iproute2"

missing=""
for package in $PACKAGES; do
    dpkg-query -W -f='${Status}\n' "$package" 2>/dev/null | grep -q '^install ok installed$' ||
        missing="$missing $package"
done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" -ne 0 ]; then
    echo "make interop installs$missing and makes network namespaces: run it as root" >&2
    exit 1
fi
export DEBIAN_FRONTEND=noninteractive
apt-get -o DPkg::Lock::Timeout=600 update --quiet --quiet
# shellcheck disable=SC2086  # a list of words
apt-get -o DPkg::Lock::Timeout=600 install --yes --quiet --quiet --no-install-recommends $missing
