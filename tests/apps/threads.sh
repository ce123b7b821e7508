# Programs that use threads if they may, several at a time.
tar --sort=name --mtime=@1600000000 -c -C "$HELLO" . >tree.tar
xz -T2 --block-size=200KiB -k -0 tree.tar
xz -T2 -dc tree.tar.xz | cmp - tree.tar
zstd -q -T2 -B500K tree.tar
zstd -q -T2 -dc tree.tar.zst | cmp - tree.tar
seq 300000 | sort --parallel=2 -S 1M -R --random-source=<(yes) | sort --parallel=2 -n | md5sum
git init -q repository
cp -r "$HELLO/." repository
git -C repository add .
git -C repository -c user.name=A -c user.email=a@example.org commit -q -m import --date='1600000000 +0000'
git -C repository -c pack.threads=2 repack -q -a -d -f
git -C repository -c grep.threads=2 grep -c main HEAD -- src
git -C repository -c index.threads=2 -c core.preloadIndex=true status --short
git clone -q --no-local repository clone
git -C clone fsck
rm -rf repository clone
mkdir -p tree/DEBIAN tree/data
cp "$HELLO/NEWS" tree/data
printf 'Package: p\nVersion: 1\nArchitecture: all\nMaintainer: A <a@example.org>\nDescription: d\n' >tree/DEBIAN/control
dpkg-deb --root-owner-group -Zxz --build tree p.deb
dpkg-deb --contents p.deb | wc -l
cat >threads.py <<'end'
import concurrent.futures as cf, multiprocessing as mp, os, queue, subprocess as sp, threading, time

def square(n):
    return n * n

def spawn(n):
    return sp.run(["sh", "-c", f"echo {n}; exit {n}"], capture_output=True).returncode

if __name__ == "__main__":
    mp.set_start_method("fork")
    with cf.ThreadPoolExecutor(4) as pool:
        print(list(pool.map(spawn, range(20))))
    with cf.ProcessPoolExecutor(2) as pool:
        print(list(pool.map(square, range(20))))
    with mp.Pool(2) as pool:
        print(pool.map(square, range(50), chunksize=7))
    items = mp.Queue()
    worker = mp.Process(target=lambda: [items.put(n) for n in range(100)])
    worker.start()
    print(sum(items.get() for _ in range(100)))
    worker.join()
    with mp.Manager() as manager:
        shared = manager.dict()
        workers = [mp.Process(target=shared.update, args=({n: n * n},)) for n in range(3)]
        for worker in workers: worker.start()
        for worker in workers: worker.join()
        print(sorted(shared.items()))
    done, waiting = [], queue.Queue()
    threads = [threading.Thread(target=lambda: done.append(waiting.get())) for _ in range(30)]
    for thread in threads: thread.start()
    for n in range(30): waiting.put(n)
    for thread in threads: thread.join()
    print(sorted(done) == list(range(30)))
    timer = threading.Timer(0.1, lambda: print("timer"))
    timer.start(); timer.join()
    thread = threading.Thread(target=time.sleep, args=(50,), daemon=True)
    thread.start()
    if os.fork() == 0:
        print("forked beside a thread", threading.active_count(), flush=True)
        os._exit(0)
    os.wait()
    os.execvp("sh", ["sh", "-c", "echo executed beside a thread; set -- /proc/self/task/*; echo $#"])
end
python3 threads.py
mkdir modules
for i in 1 2 3 4 5; do cp threads.py modules/m$i.py; done
python3 -m compileall -q -j 2 modules
perl -Mthreads -e 'print join(",", map { $_->join } map { my $n = $_; threads->create(sub { $n * $n }) } 1..5), "\n"'
cat >openmp.c <<'end'
#include <pthread.h>
#include <stdio.h>
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static long sum;
static void *add(void *arg) {
    for (int i = 0; i < 1000; i++) {
        pthread_mutex_lock(&lock);
        sum += (long)arg;
        pthread_mutex_unlock(&lock);
    }
    return arg;
}
int main(void) {
    pthread_t threads[8];
    for (long i = 0; i < 8; i++) pthread_create(&threads[i], NULL, add, (void *)i);
    for (int i = 0; i < 8; i++) pthread_join(threads[i], NULL);
    double total = 0;
#pragma omp parallel for reduction(+ : total) num_threads(3)
    for (int i = 1; i < 200000; i++) total += 1.0 / i;
    printf("%ld %.6f\n", sum, total);
}
end
gcc -O1 -fopenmp -flto=2 -o openmp openmp.c && ./openmp
rm -rf __pycache__
