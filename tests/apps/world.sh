# What ps, top, htop, lsof, free, nproc and ip show: programs see themselves and each other, not what they run in.
# Packages: procps htop lsof iproute2 psmisc
sleep 500 &
python3 -c 'import threading, time; threading.Thread(target=time.sleep, args=(500,)).start(); time.sleep(500)' &
sleeper=$(jobs -p %1) threaded=$(jobs -p %2)
until [ "$(ps -o nlwp= -p $threaded)" -ge 2 ]; do sleep 0.05; done
ps -o comm=,nlwp=,stat=,args= -p $$ -p $sleeper -p $threaded
ps -o comm= --ppid $$ | sort
ps -L -o comm= -p $threaded
ps -o vsz= -p $$ -p $sleeper -p $threaded | awk '{print ($1 > 1000 && $1 < 1000000) ? "plausible" : $1}'
ps -o rss= -p $sleeper -p $threaded | awk '{print ($1 > 500 && $1 < 100000) ? "plausible" : $1}'
pstree -A $$ | sed 's/-*$//' | grep -c kvm || true
pstree -A $sleeper
readlink "/proc/$sleeper/exe" "/proc/$threaded/exe"
(cd /proc/$sleeper && ls fd task | grep -vx $sleeper)
cut -d ' ' -f 2 "/proc/$sleeper/stat"
grep -c . /proc/$sleeper/maps | awk '{print ($1 < 60) ? "few" : $1}'
grep -E 'python|kvm|memfd' /proc/$sleeper/maps || true
lsof -n -P -a -p $sleeper -d '^mem,^DEL' -F fn | grep -vE "^(p|n/tmp|npipe)"
pidof -s sleep >/dev/null && echo found
top -b -n 1 -p $sleeper | tail -n 1 | awk '{print $1 == '$sleeper', $NF, ($5 < 1000000) ? "plausible" : $5}'
python3 - $sleeper <<'py'
import os, pty, select, sys, time
pid, screen = pty.fork()
if pid == 0:
    os.execvpe("htop", ["htop", "-C", "-p", sys.argv[1]], {**os.environ, "TERM": "xterm", "COLUMNS": "100", "LINES": "30"})
seen = b""
while b"sleep 500" not in seen and select.select([screen], [], [], 60)[0]:
    seen += os.read(screen, 4096)
os.write(screen, b"q")
print(b"sleep 500" in seen, os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
py
nproc
nproc --all
grep -c ^processor /proc/cpuinfo
free | awk 'NR == 2 {print $2}'
grep MemTotal /proc/meminfo
uname -sm
sed 's/ (.*//' /proc/version
vmstat | wc -l
uptime | grep -c 'load average'
ip -o link | cut -d ' ' -f 2
ip -o -4 addr show lo
ss -xl | head -n 1
getent hosts localhost
kill $sleeper $threaded
wait $sleeper || echo "status $?"
wait $threaded || echo "status $?"
ps -o comm= --ppid $$
