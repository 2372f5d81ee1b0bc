#!/bin/bash
# Process 1 of the guest (guest.py). Unknown kernel parameters with an equals sign arrive in the environment.
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t tmpfs tmpfs /run
mkdir -p /dev/shm /dev/net
mount -t tmpfs tmpfs /dev/shm
mount -t hostfs none "$GUEST_FOLDER" -o "$GUEST_FOLDER"

# The kernel loads its modules itself, by a program that knows where they are.
mkdir -p /run/modules/lib
ln -s /usr/lib/uml/modules /run/modules/lib/modules
printf '#!/bin/sh\nexec /usr/sbin/modprobe -d /run/modules "$@"\n' > /run/modprobe
chmod 755 /run/modprobe
echo /run/modprobe > /proc/sys/kernel/modprobe
for module in xfrm_user esp4 ah4 veth tun; do
    /run/modprobe "$module" || echo "guest: no module $module"
done

export HOME=/root TERM=dumb TMPDIR=/dev/shm PYTHONDONTWRITEBYTECODE=1
hostname guest
ip link set lo up
cd "$GUEST_CWD" || exit 1
bash "$GUEST_FOLDER/command" </dev/null 2>&1
echo $? > "$GUEST_FOLDER/status"
sync
/usr/bin/busybox poweroff -f
