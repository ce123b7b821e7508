# Archives through pipes and through programs that tar starts.
cp -r "$HELLO" tree
tar --sort=name --mtime=@1600000000 -c tree | xz -T1 -1 | tar -xJ --one-top-level=xz
tar --sort=name --mtime=@1600000000 -czf tree.tar.gz tree
tar --sort=name --mtime=@1600000000 -cjf tree.tar.bz2 tree/src tree/lib
tar --sort=name --mtime=@1600000000 -I 'xz -T1 -0' -cf tree.tar.xz tree/po
tar -tzf tree.tar.gz | wc -l
tar -xjf tree.tar.bz2 --one-top-level=bz2
tar -xf tree.tar.xz --to-command='cat >>all.po'
diff -r tree xz/tree
(cd tree && tar -c .) | (mkdir copied && cd copied && tar -x)
diff -r tree copied
tar -c tree | head -c 10000 | tar -t >/dev/null || echo "statuses ${PIPESTATUS[*]}"
gzip -d <tree.tar.gz | gzip -9n | zcat | cmp - <(zcat tree.tar.gz)
xz -dc tree.tar.xz | md5sum
zgrep -c . tree.tar.gz
busybox tar -c tree/src | busybox gzip | busybox tar -tz | sort | head -n 5
