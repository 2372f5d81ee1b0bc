#!/bin/sh
# Installs the independent peers and the tools of tests/interop from Debian 12's own archive, if they are missing.
#
# libreswan conflicts with strongSwan there, so it is unpacked aside, with the libraries that it needs, in .peers.
set -eu
cd "$(dirname "$0")/../.."

PACKAGES="strongswan-charon strongswan-swanctl libstrongswan-standard-plugins libcharon-extauth-plugins \
          libcharon-extra-plugins vpnc ike-scan tshark tcpdump iproute2 user-mode-linux busybox-static kmod gcc libc6-dev"
ASIDE="libreswan libnss3-tools libldns3 libunbound8 libcurl3-nss libevent-core-2.1-7 libevent-pthreads-2.1-7 libcap-ng0"
LIBRESWAN=.peers/libreswan

missing=""
for package in $PACKAGES; do
    dpkg-query -W -f='${Status}\n' "$package" 2>/dev/null | grep -q '^install ok installed$' ||
        missing="$missing $package"
done
[ -x "$LIBRESWAN/usr/libexec/ipsec/pluto" ] && aside="" || aside=$ASIDE
[ -n "$missing$aside" ] || exit 0

if [ "$(id -u)" -ne 0 ]; then
    echo "make interop installs$missing $aside and makes network namespaces: run it as root" >&2
    exit 1
fi
export DEBIAN_FRONTEND=noninteractive
apt-get -o DPkg::Lock::Timeout=600 update --quiet --quiet
# shellcheck disable=SC2086  # lists of words
if [ -n "$missing" ]; then
    apt-get -o DPkg::Lock::Timeout=600 install --yes --quiet --quiet --no-install-recommends $missing
fi
if [ -n "$aside" ]; then
    mkdir -p .peers/packages "$LIBRESWAN"
    # shellcheck disable=SC2086
    (cd .peers/packages && apt-get download --quiet --quiet $aside)
    for package in .peers/packages/*.deb; do
        dpkg-deb --extract "$package" "$LIBRESWAN"
    done
fi
