# redis-server: commands, transactions, scripts, blocked clients, its own benchmark, snapshots by fork, a log that it reads again.
# Packages: redis-server redis-tools
serve() {
    redis-server --port 0 --unixsocket "$HOME/redis" --dir "$HOME" --save '' "$@" >>"$HOME/log" 2>&1 &
    server=$!
    until cli ping >/dev/null 2>&1; do sleep 0.05; done
}
cli() { redis-cli -s "$HOME/redis" "$@"; }
idle() { while cli info persistence | grep -qE '(rdb_bgsave|aof_rewrite)_in_progress:1|aof_rewrite_scheduled:1'; do sleep 0.05; done; }
serve
cli set key value
cli get key
seq 1000 | sed 's/.*/rpush list &/' | cli | tail -n 1
cli lrange list 10 15
cli sort list desc limit 0 3
cli zadd sorted 3 c 1 a 2 b
cli zrange sorted 0 -1 withscores
printf 'multi\nincr n\nincr n\nexec\n' | cli
cli eval 'local sum = 0; for i = 1, 100000 do sum = sum + i end; return {sum, redis.call("llen", KEYS[1])}' 1 list
cli blpop nothing 0 >popped &
sleep 0.3
cli rpush nothing something
wait $!
cat popped
cli set short-lived x px 50
sleep 0.2
cli exists short-lived
cli xadd stream 1-1 field value
cli xrange stream - +
redis-benchmark -s "$HOME/redis" -q -n 3000 -c 20 -P 8 -t set,get,lpush,lrange_100,mset >benchmark
tr '\r' '\n' <benchmark | grep -c 'requests per second'
redis-benchmark -s "$HOME/redis" -q --threads 2 -n 1000 -c 10 -t ping >benchmark
rm benchmark
cli bgsave
idle
cli info persistence | grep -E '^rdb_last_bgsave_status' | tr -d '\r'
redis-check-rdb "$HOME/dump.rdb" | grep -c 'RDB looks OK'
cli shutdown nosave
wait $server
serve
cli llen list
cli config set appendonly yes
idle
cli set logged yes
cli bgrewriteaof
sleep 0.2
idle
cli debug sleep 0 2>&1 | cut -c 1-9
kill -TERM $server
wait $server
serve --appendonly yes
cli get logged
cli dbsize
cli shutdown nosave
wait $server
grep -c 'Redis is now ready to exit' "$HOME/log"
