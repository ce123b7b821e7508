# Python with processes: compileall, subprocess, multiprocessing, signals, terminals, a database that two write to.
mkdir -p package/sub
for i in $(seq 20); do
    printf 'import sys\n\n\ndef f%d(x=%d):\n    """Doc."""\n    return [x * k for k in range(%d)]\n' $i $i $i >package/m$i.py
    cp package/m$i.py package/sub
done
touch package/__init__.py
python3 -m compileall -q package # SOURCE_DATE_EPOCH: by content
python3 -c 'import package.m7; print(package.m7.f7(), package.m7.__cached__.endswith(".pyc"))'
python3 -m zipapp -o app.pyz -m m3:f3 package && rm app.pyz

cat >processes.py <<'end'
import os, signal, subprocess as sp, sys

print(sp.run(["echo", "run"], capture_output=True, text=True))
print(sp.check_output("exit 0; :", shell=True), sp.call(["sh", "-c", "exit 7"]), sp.call(["sh", "-c", "kill -9 $$"]))
try:
    sp.run(["absent-program"])
except FileNotFoundError as error:
    print(error)
try:
    sp.run(["true"], cwd="/absent")
except FileNotFoundError as error:
    print(error)
try:
    sp.run(["/etc/passwd"])
except PermissionError as error:
    print(error)
try:
    sp.run(["sleep", "50"], timeout=0.2)
except sp.TimeoutExpired as error:
    print(error.cmd)
big = bytes(range(256)) * 4096
both = sp.run(["sh", "-c", "tee /dev/stderr"], input=big, capture_output=True)
print(both.stdout == big, both.stderr == big, both.returncode)
left = sp.Popen(["seq", "100000"], stdout=sp.PIPE)
right = sp.Popen(["wc", "-l"], stdin=left.stdout, stdout=sp.PIPE, text=True)
left.stdout.close()
print(right.communicate()[0].strip(), left.wait())
head = sp.Popen(["yes"], stdout=sp.PIPE)
print(head.stdout.readline())
head.stdout.close()
print(head.wait())
child = sp.Popen(["sleep", "50"], start_new_session=True, pass_fds=[2], close_fds=True)
print(os.getsid(child.pid) == child.pid, child.poll())
child.terminate()
print(child.wait(), child)
print(sp.run(["sh", "-c", "umask; id -u; ps -o pgid= -p $$ | wc -l; nice"], umask=0o77, process_group=0 if sys.version_info >= (3, 11) else None,
             preexec_fn=lambda: os.nice(3), stdout=sp.PIPE).stdout)
print(sp.getstatusoutput("ls /absent"), sys.stdout.flush())
print(os.system("exit 3") >> 8, os.popen("echo popen").read())
print(os.spawnvp(os.P_WAIT, "sh", ["sh", "-c", "exit 4"]))
pid = os.posix_spawn("/bin/sh", ["sh", "-c", "echo spawned >&3"], {}, file_actions=[(os.POSIX_SPAWN_OPEN, 3, "spawned", os.O_CREAT | os.O_WRONLY, 0o600)])
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), open("spawned").read())
try:
    os.posix_spawn("/absent", ["x"], {})
except FileNotFoundError as error:
    print(error)
r, w = os.pipe()
if (pid := os.fork()) == 0:
    os.write(w, b"from the child")
    os._exit(11)
print(os.read(r, 100), os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
events = []
signal.signal(signal.SIGALRM, lambda *_: events.append("alarm"))
signal.signal(signal.SIGCHLD, lambda *_: events.append("child"))
signal.setitimer(signal.ITIMER_REAL, 0.1)
while "alarm" not in events:
    signal.pause()
sp.Popen(["true"]).wait()
while "child" not in events:
    pass
print(events)
signal.signal(signal.SIGCHLD, signal.SIG_DFL)
info = signal.sigtimedwait([signal.SIGUSR1], 0)
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
sp.run(["sh", "-c", "kill -USR1 $PPID"])
print(info, signal.sigwait([signal.SIGUSR1]).name)
fd = os.pidfd_open(sleeper := sp.Popen(["sleep", "50"]).pid)
signal.pidfd_send_signal(fd, signal.SIGTERM)
print(os.waitid(os.P_PIDFD, fd, os.WEXITED).si_status, os.get_inheritable(fd))
end
python3 processes.py

cat >workers.py <<'end'
import asyncio, multiprocessing as mp, os, pty, socket, sqlite3, tempfile, time

def square(pipe, numbers):
    pipe.send([n * n for n in numbers])
    pipe.close()

def insert(who):
    db = sqlite3.connect("shared.db", timeout=300)
    for i in range(20):
        with db:
            db.execute("insert into t values (?, ?)", (who, i))

def fail():
    raise SystemExit(5)

async def together():
    async def one(n):
        p = await asyncio.create_subprocess_exec("sh", "-c", f"sleep 0.{n}; echo {n}; exit {n}", stdout=-1)
        out, _ = await p.communicate()
        return out, p.returncode
    print(await asyncio.gather(*map(one, range(4))))

if __name__ == "__main__":
    mp.set_start_method("fork")
    pipes = [mp.Pipe(False) for _ in range(4)]
    workers = [mp.Process(target=square, args=(w, range(i * 10, i * 10 + 10))) for i, (_, w) in enumerate(pipes)]
    for worker in workers: worker.start()
    print([r.recv() for r, _ in pipes])
    for worker in workers: worker.join()
    print([worker.exitcode for worker in workers])
    queue, counter, lock = mp.SimpleQueue(), mp.Value("i", 0), mp.Lock()
    def count():
        for _ in range(50):
            with lock: counter.value += 1
        queue.put(os.getpid() != parent)
    parent = os.getpid()
    workers = [mp.Process(target=count) for _ in range(3)]
    for worker in workers: worker.start()
    print([queue.get() for _ in workers], [worker.join() for worker in workers], counter.value)
    bad = mp.Process(target=fail); bad.start(); bad.join()
    slow = mp.Process(target=time.sleep, args=(50,)); slow.start(); slow.kill(); slow.join()
    print(bad.exitcode, slow.exitcode)
    db = sqlite3.connect("shared.db"); db.execute("create table t (who, i)"); db.commit(); db.close()
    workers = [mp.Process(target=insert, args=(k,)) for k in range(3)]
    for worker in workers: worker.start()
    for worker in workers: worker.join()
    db = sqlite3.connect("shared.db")
    print(db.execute("select who, count(*), sum(i) from t group by who order by who").fetchall(), db.execute("pragma integrity_check").fetchall())
    db.close()
    os.remove("shared.db")
    asyncio.run(together())
    print(os.waitstatus_to_exitcode(pty.spawn(["sh", "-c", "tty | cut -c 1-8; stty -a | grep -c speed; exit 9"])))
    a, b = socket.socketpair()
    if (pid := os.fork()) == 0:
        r, w = os.pipe()
        os.write(w, b"passed along")
        socket.send_fds(b, [b"x"], [r])
        os._exit(0)
    print(os.read(socket.recv_fds(a, 10, 1)[1][0], 100), os.waitpid(pid, 0)[1])
    with tempfile.TemporaryFile() as f:
        if os.fork() == 0:
            os.write(f.fileno(), b"shared offset")
            os._exit(0)
        os.wait()
        print(os.lseek(f.fileno(), 0, os.SEEK_CUR))
end
python3 workers.py </dev/null
rm -rf __pycache__
