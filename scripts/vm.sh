#!/bin/sh
# The first process of the virtual machine that scripts/vm.js boots, in an overlay of the real root.
export PATH="$PORTCULLIS_NODE:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" HOME=/root CI=true PORTCULLIS_PATIENCE_MS=600000
mkdir -p /lib/modules && mount --bind "$PORTCULLIS_KERNEL/lib/modules" /lib/modules
hostname gate && ip link set lo up
# What is asked for inside a namespace is not always loaded by itself.
for module in nf_tables nft_queue nfnetlink_queue nf_conntrack_netlink veth tun; do modprobe "$module"; done
cd "$PORTCULLIS_ROOT" || exit
echo "Linux $(uname -r), up for $(cut -d ' ' -f 1 /proc/uptime) s"
# shellcheck disable=SC2046 # a list of files without spaces
node scripts/sandbox.js node node_modules/vitest/vitest.mjs run --project kernel \
  $(echo "$PORTCULLIS_TESTS" | tr , ' ')
echo $? > /dev/ttyS1
sync
echo o > /proc/sysrq-trigger
sleep 10
