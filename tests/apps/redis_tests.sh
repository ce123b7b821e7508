# redis' own tests, by the installed programs: types, expiry, scripts, replication, persistence, clusters, redis-cli, redis-benchmark.
# Packages: redis-server redis-tools tcl
# Sources: redis
# Slow.
# Debian's patch brings a test of a newer redis, with a setting that this one has not; the error would end the run.
apart='/^Fullsync should not free scripting engine'
# These are as many, of such names, as chance and the time have it.
by_chance='PSYNC2: (--- CYCLE|\[NEW LAYOUT\]|Set #|cluster is consistent after load)|PSYNC2 #3899 regression: kill'
cp -a "$REDIS/tests" .
mkdir src
for program in server cli benchmark check-aof check-rdb; do
    ln -s "$(command -v redis-$program)" src/redis-$program
done
tclsh tests/test_helper.tcl --clients 2 --skiptest "$apart" >"$HOME/printed" 2>&1 || echo "status $?"
sed -nE 's/ \([0-9]+ ms\)$//; /^\[(ok|err|exception|skip|ignore|TIMEOUT)\]: /p' "$HOME/printed" | grep -vE "ok.*($by_chance)" | sort -u
rm -rf src tests
