# apt with a repository of its own: methods in processes of their own, a simulation, a download by another user.
mkdir -p tree/DEBIAN repository lists/partial cache/archives/partial etc/preferences.d downloads
: >status
for package in one two three; do
    printf 'Package: %s\nVersion: 1.0\nArchitecture: all\nMaintainer: A <a@example.org>\n' $package >tree/DEBIAN/control
    [ $package = one ] || echo "Depends: one" >>tree/DEBIAN/control
    printf 'Description: package %s\n' $package >>tree/DEBIAN/control
    dpkg-deb --root-owner-group -Zgzip --build tree repository/${package}_1.0_all.deb
done
(cd repository && dpkg-scanpackages . >Packages)
echo "deb [trusted=yes] file:$PWD/repository ./" >sources.list
cat >apt.conf <<end
Dir "$PWD";
Dir::State "$PWD";
Dir::State::Status "$PWD/status";
Dir::Cache "$PWD/cache";
Dir::Etc "$PWD/etc";
Dir::Etc::SourceList "$PWD/sources.list";
Dir::Bin::Methods "/usr/lib/apt/methods";
end
export APT_CONFIG="$PWD/apt.conf"
apt-get update
apt-cache policy two
apt-cache show three
apt-get --print-uris -y install two
apt-get -s install two three
apt-get -s install absent || echo "status $?"
chown _apt downloads || true
(cd downloads && apt-get download three)
rm -r cache lists
