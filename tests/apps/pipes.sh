# Many processes on many pipes.
find "$HELLO" -name '*.c' -exec wc -c {} \; | sort -n | tail -n 3
find "$HELLO" -name '*.h' -exec sha256sum {} + | sort | sha256sum
find "$HELLO" -type f -print0 | xargs -0 -P2 -n5 cksum | sort | cksum
find "$HELLO" -type f -execdir test -x {} \; -print | wc -l
seq 70 | xargs -P2 -I{} sh -c 'test $(({} % 7)) = 0 && echo {} || true' | sort -n | tr '\n' ' '
seq 100 | xargs -n 10 sh -c 'exit $(($# - 10))' sh
seq 3 | xargs -n 1 sh -c 'exit 255' || echo "status $?"
seq 3 | xargs -n 1 sh -c 'kill -TERM $$' || echo "status $?"
seq 100000 | grep -v 7 | sed 's/1/one/' | tr o 0 | cut -c 1-6 | rev | sort | uniq -c | awk '{ n += $1 * NR } END { print n }' | cat | md5sum
cat "$HELLO"/src/*.c | cat | cat | cat | cat | cat | cat | cat | cat | cat | wc
seq 20 | parallel --will-cite -k -j 2 'echo {} | rev; test {} -lt 18' || echo "status $?"
parallel --will-cite -k -j 2 'seq {1} | cat | tac | grep -v 3 | sort -n | tr 1 x | sed "s/$/{2}/" | cat | nl | tail -n 1' ::: 20 40 ::: a b
parallel --will-cite --pipe -N 5000 -j 2 'cat | sort -n | tr 0 o | rev | cat | rev | tr o 0 | cat | wc -l' < <(seq 20000) | sort
yes | head -n 100000 | wc -c
yes | head -n 1
echo "${PIPESTATUS[*]}"
pipe=cat
for _ in $(seq 60); do pipe="$pipe | cat"; done
seq 20000 | eval "$pipe" | md5sum
mkfifo fifo
seq 10000 >fifo &
sort -rn fifo | tail -n 2
wait $! || echo "status $?"
tee >(wc -l >lines) >(md5sum >sum) < <(seq 30000) | tail -n 1
while [ ! -s lines ] || [ ! -s sum ]; do sleep 0.05; done
cat lines sum
paste <(seq 5) <(seq 5 | tac) <(seq 5 | rev)
diff <(sort "$HELLO/NEWS") <(sort "$HELLO/NEWS" | uniq) | wc -l
coproc bc
bc=$COPROC_PID
echo '2^100' >&"${COPROC[1]}"
read -r answer <&"${COPROC[0]}"
echo "$answer"
eval "exec ${COPROC[1]}>&-"
wait "$bc"
