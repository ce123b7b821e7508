# What a long shell script does: a hundred forks and more, functions, traps, here-documents, jobs, process substitution.
say() { printf '%s: %s\n' "$1" "$2"; }

# Substitutions, each a fork.
total=0
for i in $(seq 1 40); do
    square=$(echo $((i * i)))
    total=$((total + square))
done
say squares "$total"
for i in $(seq 1 30); do
    word=$(echo "word $i" | tr a-z A-Z)
    case $word in
        *0) say word "$word" ;;
    esac
done
nested=$(echo "$(echo "$(echo "$(echo "$(echo deep)")")")")
say nested "$nested"
factorial() {
    if [ "$1" -le 1 ]; then
        echo 1
    else
        echo $(($1 * $(factorial $(($1 - 1)))))
    fi
}
say factorial "$(factorial 15)"

# Here-documents: quoted, expanded, indented, larger than a pipe holds, and into a function's input.
cat <<'end'
$HOME is not looked at, nor is `this` \
end
cat <<end
expanded: $((6 * 7)) $(echo from a command) \$escaped
end
cat <<-end
	tabs are gone
		all of them
	end
wc -c <<<"a here-string"
wc -c <<end
$(seq 1 20000)
end
count() {
    local n=0 line
    while read -r line; do n=$((n + 1)); done
    echo "$n lines"
}
count <<end
one
two
three
end

# Redirections.
{
    echo to stdout
    echo to stderr >&2
} >both 2>&1
cat both
exec 5>kept
echo first >&5
(echo from a subshell >&5)
exec 5>&-
cat kept
echo appended >>kept
wc -l <kept
exec 6<>kept
read -r line <&6
echo "again: $line"
printf 'XX' >&6
exec 6<&-
cat kept
(set -o noclobber && echo x >kept) 2>/dev/null || echo "noclobber status $?"
cat absent 2>/dev/null || echo "absent status $?"
: 2>/dev/null >/dev/full
(echo x >/dev/full) 2>/dev/null || echo "full status $?"

# Exit statuses.
for status in 0 1 2 126 127 255; do
    (exit $status) && result=0 || result=$?
    echo "exit $status: $result"
done
for signal in HUP INT QUIT KILL USR1 TERM; do
    { (ulimit -c 0 && exec sh -c "kill -$signal \$\$") && result=0 || result=$?; } 2>/dev/null # the shell says more, with a pid
    echo "killed by $signal: $result"
done
no-such-command 2>/dev/null || echo "no such command: $?"
./kept 2>/dev/null || echo "not executable: $?"
/ 2>/dev/null || echo "a directory: $?"
! false && echo negated
false | true | false | true && echo "statuses ${PIPESTATUS[*]}"
(set -o pipefail && false | true) || echo "pipefail $?"
(set -e && false && true; echo "still here") || echo "never"
(set -e; false; echo "never here") || echo "left at once"

# Traps.
(trap 'echo "leaving with $?"' EXIT && exit 3) || true
(
    trap 'echo caught USR1' USR1
    trap 'echo caught USR2' USR2
    trap '' TERM
    kill -USR1 "$BASHPID"
    kill -USR2 "$BASHPID"
    kill -TERM "$BASHPID"
    echo survived
)
(
    trap 'echo "debug: $BASH_COMMAND"' DEBUG
    x=1
    : $x
)
(
    trap 'echo child ended' CHLD
    sleep 0.1 &
    wait $!
    echo "status of the child $?"
)
(
    trap 'echo woken; kill $!; exit 5' ALRM
    self=$BASHPID
    (sleep 0.3 && kill -ALRM $self) &
    sleep 100 &
    wait $! || echo "wait's status $?"
) || echo "trapped with $?"

# Jobs.
for i in 1 2 3 4 5; do
    (sleep 0.$i && exit $i) &
    jobs[$i]=$!
done
for i in 5 4 3 2 1; do
    wait "${jobs[$i]}" && result=0 || result=$?
    echo "job $i: $result"
done
(exit 7) &
wait -n && result=0 || result=$?
echo "the next: $result"
sleep 100 &
sleeper=$!
kill -STOP $sleeper
while ! grep -q '^State:.T' /proc/$sleeper/status; do sleep 0.02; done
echo "it is $(ps -o stat= -p $sleeper | cut -c 1)"
kill -CONT $sleeper
kill $sleeper
wait $sleeper 2>/dev/null && result=0 || result=$?
echo "the sleeper: $result"
(
    set -m
    sleep 100 &
    [ "$(ps -o pgid= -p $! | tr -d ' ')" = $! ] && echo "a job is a process group"
    kill %1
    sh -c 'sleep 1; exit 6' &
    fg >/dev/null && result=0 || result=$?
    echo "brought to the foreground: $result"
) 2>/dev/null
for i in $(seq 20); do true & done
wait

# Process substitution and coprocesses.
diff <(seq 10) <(seq 1 2 10) && result=0 || result=$?
echo "they differ: $result"
while read -r a b; do sum=$((${sum:-0} + a * b)); done < <(paste <(seq 10) <(seq 11 20))
echo "sum of products $sum"
coproc { while read -r line; do echo "<$line>"; done; }
copid=$COPROC_PID
echo hello >&"${COPROC[1]}"
read -r answer <&"${COPROC[0]}"
echo "$answer"
kill $copid
wait $copid 2>/dev/null && result=0 || result=$?
echo "the coprocess: $result"

# Arrays, arithmetic, text.
declare -A colours=([sky]=blue [grass]=green)
for key in $(printf '%s\n' "${!colours[@]}" | sort); do echo "$key is ${colours[$key]}"; done
list=(one "two words" three)
printf '[%s]' "${list[@]}" && echo
echo "${#list[@]} ${list[-1]} ${list[@]:1:1} ${list[*]/o/0}"
text='path/to/some.file.gz'
echo "${text##*/} ${text%%.*} ${text%.gz} ${text//o/0} ${text^^} ${#text}"
echo $((2 ** 40)) $((0x1f)) $((7 % 3)) $((-7 / 2)) $((1 ? 2 : 3))
[[ $text =~ ([a-z]+)\.file ]] && echo "${BASH_REMATCH[1]}"
printf '%05d|%-5s|%x|%q\n' 42 ab 255 'a b'
IFS=: read -r -a parts <<<'a:b:c'
echo "${parts[1]}"
seq 5 | while read -r n; do [ "$n" = 3 ] && break; done
mapfile -t lines < <(seq 3)
echo "${lines[@]}"
select choice in red green; do echo "$choice"; break; done 2>/dev/null <<<2
getopts ab: option -b value && echo "$option $OPTARG"
eval 'echo evaluated $((1 + 1))'
source /dev/stdin <<<'echo sourced'
exec bash -c 'echo "the end, by exec: $0 $#"; exit 0' bash a b
