# rsync: folders to folders, changed, deleted and linked files, through a remote shell, to a daemon; what changes meanwhile.
# Packages: rsync
# Slow.
cp -a "$HELLO" from
ln from/README from/README.linked
ln -s README from/symbolic
touch -d yesterday from # rsync looks at seconds
rsync -a --stats from/ to | grep -E '^(Number of (files|created|reg)|Total file size)'
diff -r from to
echo changed >>from/NEWS
rm from/AUTHORS
chmod 600 from/TODO
rsync -aHi --delete from/ to
rsync -aHi --delete from/ to | wc -l
rsync -ac --itemize-changes --dry-run from/ to
printf '#!/bin/sh\nshift\nexec sh -c "$*"\n' >shell
chmod +x shell
rsync -aHz -e ./shell from/ anyone:"$PWD/remote"
diff -r from remote
dd if=/dev/zero bs=100k count=20 status=none | tr '\0' x >remote/large
cp remote/large from/large
echo end >>from/large
rsync -a -e ./shell --no-W --inplace --stats from/large anyone:"$PWD/remote/" | sed -n 's/^Literal data: \([0-9,]*\) bytes/\1/p' | tr -d , | awk '{print ($1 < 10000) ? "a part" : "all"}'
cmp from/large remote/large
printf 'pid file = %s\nport = %s\naddress = 127.0.0.1\nuse chroot = no\n[files]\npath = %s\nread only = no\nmunge symlinks = no\nuid = %s\ngid = %s\n' \
    "$HOME/pid" "$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')" "$PWD/served" "$(id -u)" "$(id -g)" >"$HOME/conf"
mkdir served
rsync --daemon --config="$HOME/conf"
until [ -s "$HOME/pid" ]; do sleep 0.05; done
at=rsync://127.0.0.1:$(sed -n 's/port = //p' "$HOME/conf")
rsync $at
rsync -a from/ $at/files
diff -r from served
rsync -r $at/files/src/ listed --list-only | wc -l
rsync -a $at/absent/ nowhere 2>/dev/null || echo "status $?"
kill "$(cat "$HOME/pid")"
rm -r to remote served
