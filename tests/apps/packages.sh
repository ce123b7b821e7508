# Debian's own tools: a package is made, looked into, unpacked, configured and removed below a folder.
mkdir -p tree/DEBIAN tree/usr/bin tree/etc
cat >tree/DEBIAN/control <<end
Package: greeter
Version: 1.0-1
Architecture: all
Maintainer: A <a@example.org>
Description: says a word
 And no other.
end
echo /etc/greeter.conf >tree/DEBIAN/conffiles
echo word=hello >tree/etc/greeter.conf
printf '#!/bin/sh\n. /etc/greeter.conf\necho $word\n' >tree/usr/bin/greeter
chmod 755 tree/usr/bin/greeter
for script in preinst postinst prerm postrm; do
    printf '#!/bin/sh\necho "%s $*" >>"$DPKG_ROOT/scripts.log"\n' $script >tree/DEBIAN/$script
    chmod 755 tree/DEBIAN/$script
done
cp -r "$HELLO/man" "$HELLO/po" tree/usr
dpkg-deb --root-owner-group -Zgzip --build tree greeter.deb
dpkg-deb --info greeter.deb
dpkg-deb --contents greeter.deb | sort -k 6 | head
dpkg-deb -x greeter.deb extracted
dpkg-deb --fsys-tarfile greeter.deb | tar -t | wc -l
mkdir -p root/var/lib/dpkg/updates root/var/lib/dpkg/info root/var/log
: >root/var/lib/dpkg/status
target() { dpkg --root="$PWD/root" --log=/dev/null --force-not-root --force-script-chrootless "$@"; }
target --unpack greeter.deb
target --audit || echo "status $?"
target --configure greeter
echo word=changed >root/etc/greeter.conf
target --status greeter
target --listfiles greeter | sort | head
target --verify greeter
target --remove greeter
target --purge greeter
target --status greeter || echo "status $?"
rm -r root/var/lib/dpkg/*-old
