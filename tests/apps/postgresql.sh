# PostgreSQL: initdb, a server of many processes on shared memory, its own benchmark from two threads, a crash and the recovery.
# Packages: postgresql
# Slow.
cat >"$HOME/script" <<'script'
cd "$1"
PATH=$(echo /usr/lib/postgresql/*/bin):$PATH
initdb -D data -A trust -U postgres --no-sync >/dev/null
printf "unix_socket_directories = '%s'\nlisten_addresses = ''\nfsync = off\n" "$PWD" >>data/postgresql.conf
export PGHOST=$PWD PGUSER=postgres
pg_ctl -D data -l log -w start >/dev/null
createdb bench
pgbench -i -q -s 1 bench 2>/dev/null
pgbench -c 4 -j 2 -t 40 bench 2>/dev/null | grep -E '^(scaling|query|number of (clients|threads|transactions act|failed))'
psql -At bench <<sql
select count(*), sum(abalance) = (select sum(delta) from pgbench_history) from pgbench_accounts;
create table t as select i, md5(i::text) as m from generate_series(1, 20000) i;
create index on t (m);
set max_parallel_workers_per_gather = 2;
set min_parallel_table_scan_size = 0;
set parallel_setup_cost = 0;
select count(distinct m), max(m) from t;
begin; lock table t; rollback;
select pg_sleep(0.1) is null;
\copy (select * from t order by i limit 3) to stdout
sql
psql -q -c 'begin; insert into t values (0, null); select pg_sleep(100)' bench >/dev/null 2>&1 &
until [ "$(psql -At -c "select count(*) from pg_stat_activity where query like '%pg_sleep(100)%' and pid <> pg_backend_pid()" bench)" = 1 ]; do sleep 0.1; done
pg_ctl -D data -m immediate stop >/dev/null
wait $! || echo "status $?"
pg_ctl -D data -l log -w start >/dev/null
psql -At -c 'select count(*) from t' bench
pg_dump bench | grep -v '^--' | grep -v '^.*restrict ' | md5sum | wc -l
pg_ctl -D data -m fast stop | sed 's|\.* done| done|'
grep -cE 'PANIC|FATAL.*signal' log || true
script
mkdir "$HOME/server"
if [ "$(id -u)" = 0 ]; then
    chown postgres "$HOME/server"
    chmod 755 "$HOME"
    runuser -u postgres -- bash -eu "$HOME/script" "$HOME/server"
else
    bash -eu "$HOME/script" "$HOME/server"
fi
