# Programs that start others in another state: a limit, a session, another user, a lock.
report() { # the shell's own message of a death by signal has a pid: it goes nowhere
    { "$@" 2>&3 && status=0 || status=$?; } 3>&2 2>/dev/null
    echo "status $status: $*"
}
report timeout 0.3 sleep 50
report timeout -s KILL 0.3 sleep 50
report timeout --preserve-status 0.3 sleep 50
report timeout -k 1 1.5 sh -c 'exec 2>/dev/null; trap "echo asked to end" TERM; while :; do sleep 0.05; done'
report timeout 60 true
report timeout 60 sh -c 'exit 9'
report timeout 60 sh -c 'kill -9 $$'
report timeout --foreground 0.3 cat /dev/zero >/dev/null
report nohup sh -c 'kill -HUP $$; echo unharmed' 2>&1
report sh -c 'kill -HUP $$; echo not reached'
report setsid -w sh -c 'read -r _ _ _ _ group session _ </proc/$$/stat; [ $$ = $group ] && [ $$ = $session ] && echo its own session'
report setsid -w sh -c 'exit 4'
report nice -n 7 sh -c nice
report nice -n 5 nice -n 3 nice
report env -i sh -c 'env | grep -v ^_= | sort'
report env -i A=1 B=2 env
report env -u HOME A=b sh -c 'echo ${HOME-unset} $A'
report env --chdir=/usr pwd
report env -S 'printf %s\n split words'
report env --ignore-signal=TERM sh -c 'kill -TERM $$; echo ignored'
report env --block-signal=USR1 grep ^SigBlk /proc/self/status
report env absent-program
report stdbuf -oL sh -c 'echo by lines'
report xargs -a /dev/null echo nothing
report flock lock sh -c 'echo locked; flock -n lock true || echo "nobody else: $?"'
report flock -n lock true
report flock -w 0.2 -E 33 lock sh -c 'flock -w 0.2 -E 34 lock true'
(
    flock 9
    echo "under a lock of the shell's descriptor"
) 9>lock
for _ in 1 2 3 4 5 6 7 8; do
    (
        for _ in 1 2 3 4 5; do
            flock counter.lock sh -c 'n=$(cat counter 2>/dev/null || echo 0); echo $((n + 1)) >counter'
        done
    ) &
done
wait
cat counter
report prlimit --nofile=64:64 sh -c 'ulimit -n; ulimit -Hn'
report prlimit --fsize=1000 sh -c 'head -c 2000 /dev/zero >limited' 2>/dev/null
wc -c limited
report sh -c 'ulimit -t 1; while :; do :; done'
report taskset 1 nproc
report chrt -b 0 sh -c 'chrt -p 0 | cut -d : -f 2'
report ionice -c 3 ionice
report setarch -R sh -c 'cmp /proc/self/maps /proc/self/maps; true'
report linux32 uname -m
report script -qec 'echo on a terminal; test -t 0 && test -t 1 && tty | cut -c 1-8; stty size; exit 3' /dev/null </dev/null
report mktemp -u -p . fixed
report who -q </dev/null
if [ "$(id -u)" = 0 ]; then
    report su nobody -s /bin/sh -c 'id; cat /etc/shadow; echo > /owned-by-root' 2>&1
    report setpriv --reuid 1234 --regid 2345 --clear-groups sh -c 'id; grep -E "^(Uid|Gid|Groups|Cap...)" /proc/self/status'
    report setpriv --reuid 1234 --clear-groups --no-new-privs sh -c 'grep NoNewPrivs /proc/self/status; kill -0 1' 2>&1
    report setpriv --bounding-set -all --inh-caps -all sh -c 'chown 1:1 . || grep ^Cap /proc/self/status' 2>&1
    report runuser -u daemon -- id -un
    report chroot --userspec=12:34 / id
    report unshare -u sh -c 'hostname elsewhere; hostname'
    report unshare -i true
    report unshare -fp sh -c 'echo $$'
    report unshare -m sh -c 'mount -t tmpfs none /mnt && ls /mnt' 2>&1
fi
