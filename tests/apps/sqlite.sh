# sqlite3: its own speed test, with its own check of the results; two writers, one of them killed.
# Packages: sqlite3 libsqlite3-dev gcc
# Slow.
# Sources: sqlite3
gcc -O1 -w -o speedtest "$SQLITE3/test/speedtest1.c" -lsqlite3
timing() { sed -E 's/ +[0-9]+\.[0-9]+s$//; /^ +TOTAL/d'; }
./speedtest --size 3 --verify --memdb 2>&1 | timing
./speedtest --size 2 --verify --journal wal --testset cte test.db 2>&1 | timing
./speedtest --size 2 --verify --mmap 1000000 --testset main file.db 2>&1 | timing | tail -n 3
insert() {
    for i in $(seq 15); do
        sqlite3 -cmd '.timeout 60000' shared.db "begin immediate; insert into t values ('$1', $i); commit"
    done
}
sqlite3 shared.db 'pragma journal_mode = wal; create table t (who, i)'
insert a &
insert b &
wait
sqlite3 shared.db 'select who, count(*), sum(i) from t group by who; pragma integrity_check'
mkfifo statements
sqlite3 shared.db <statements &
exec 7>statements
echo "begin immediate; insert into t values ('lost', 1); select 'about to be killed';" >&7
sleep 0.5
kill -KILL $!
wait $! 2>/dev/null || echo "status $?"
sqlite3 -cmd '.timeout 60000' shared.db "insert into t values ('kept', 1); select count(*) from t where who in ('lost', 'kept'); pragma integrity_check"
rm -f statements speedtest ./*.db*
