/* Robust mutexes in shared memory whose owner ends, in whatever way: the next one gets them at once, and is told. */
#include "../guest/children.h"
#include <linux/futex.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <time.h>

enum { MANY = 5 };

static char self[4096];
static int ready[2];

static void *shared(int fd, int prot) {
    void *at = mmap(NULL, PAGE, prot, MAP_SHARED | (fd < 0 ? MAP_ANONYMOUS : 0), fd, 0);
    CHECK(at != MAP_FAILED);
    return at;
}

static void make(pthread_mutex_t *mutex) {
    pthread_mutexattr_t kind;
    CHECK(pthread_mutexattr_init(&kind) == 0 && pthread_mutexattr_setpshared(&kind, PTHREAD_PROCESS_SHARED) == 0);
    CHECK(pthread_mutexattr_setrobust(&kind, PTHREAD_MUTEX_ROBUST) == 0 && pthread_mutex_init(mutex, &kind) == 0);
}

static void tell(void) { CHECK(write(ready[1], "x", 1) == 1); }

static void await(void) {
    char byte;
    CHECK(read(ready[0], &byte, 1) == 1);
}

static bool died(pthread_mutex_t *mutex) {
    return pthread_mutex_trylock(mutex) == EOWNERDEAD && pthread_mutex_consistent(mutex) == 0 &&
           pthread_mutex_unlock(mutex) == 0;
}

static void die_by_kill(void) { kill(getpid(), SIGKILL); }
static void die_by_default(void) { kill(getpid(), SIGTERM); }
static void die_by_fault(void) { *(volatile int *)8 = 1; }
static void die_by_exit(void) { _exit(0); }
static void die_by_execve(void) { execl(self, self, "waits", NULL); }
static void die_late(void) {
    for (;;) pause();
}

static void (*const ways[])(void) = {die_by_kill, die_by_default, die_by_fault, die_by_exit, die_by_execve, die_late};
static const int ends[] = {SIGKILL, SIGTERM, SIGSEGV, 0, 0, SIGKILL};

/* Each way, with one lock and with several, in the order of locking and in another. */
static void ways_to_die(pthread_mutex_t *mutex) {
    for (unsigned way = 0; way < sizeof ends / sizeof *ends; way++) {
        for (int held = 1; held <= MANY; held += MANY - 1) {
            pid_t pid = fork();
            if (pid == 0) {
                for (int i = 0; i < held; i++) CHECK(pthread_mutex_lock(&mutex[i]) == 0);
                if (held > 1) CHECK(pthread_mutex_unlock(&mutex[1]) == 0 && pthread_mutex_lock(&mutex[1]) == 0);
                if (ways[way] == die_late) tell();
                ways[way]();
            }
            if (ways[way] == die_late || ways[way] == die_by_execve) await();
            if (ways[way] == die_late) CHECK(kill(pid, SIGKILL) == 0);
            int status = ways[way] == die_by_execve ? 0 : status_of(pid);
            CHECK(WIFSIGNALED(status) ? WTERMSIG(status) == ends[way] : WEXITSTATUS(status) == ends[way]);
            for (int i = 0; i < held; i++) CHECK(died(&mutex[i]));
            if (ways[way] == die_by_execve) CHECK(kill(pid, SIGKILL) == 0 && dies_of(pid, SIGKILL));
        }
    }
}

/* A child that holds it is killed. */
static bool is_released(pthread_mutex_t *mutex) {
    pid_t pid = fork();
    if (pid == 0) {
        CHECK(pthread_mutex_lock(mutex) == 0);
        die_by_kill();
    }
    return dies_of(pid, SIGKILL) && died(mutex);
}

/* Memory of a file, made writable later, moved, and mapped elsewhere by then; what is unmapped is not kept. */
static void places(void) {
    int fd = memfd_create("shared", MFD_ALLOW_SEALING);
    CHECK(fd >= 0 && ftruncate(fd, PAGE) == 0);
    pthread_mutex_t *mutex = shared(fd, PROT_READ);
    CHECK(mprotect(mutex, PAGE, PROT_READ | PROT_WRITE) == 0);
    make(mutex);
    CHECK(is_released(mutex));
    void *elsewhere = shared(-1, PROT_READ | PROT_WRITE);
    mutex = mremap(mutex, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, elsewhere);
    CHECK(mutex == elsewhere && is_released(mutex));
    pthread_mutex_t *again = shared(fd, PROT_READ | PROT_WRITE);
    CHECK(is_released(again) && munmap(mutex, PAGE) == 0 && is_released(again));
    CHECK_ERRNO(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), EBUSY);
    CHECK(munmap(again, PAGE) == 0 && fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE) == 0 && close(fd) == 0);
}

static void *hold(void *mutex) {
    CHECK(pthread_mutex_lock(mutex) == 0);
    tell();
    die_late();
    return NULL;
}

/* Two threads of a process hold one each, and another process waits for both. */
static void threads(void) {
    pthread_mutex_t *held = shared(-1, PROT_READ | PROT_WRITE);
    for (int i = 0; i < 2; i++) make(&held[i]);
    pid_t pid = fork();
    if (pid == 0) {
        pthread_t thread;
        CHECK(pthread_create(&thread, NULL, hold, &held[0]) == 0);
        hold(&held[1]);
    }
    await();
    await();
    pid_t waits = fork();
    if (waits == 0) _exit(!(pthread_mutex_lock(&held[0]) == EOWNERDEAD && pthread_mutex_lock(&held[1]) == EOWNERDEAD));
    wait_until_asleep(waits);
    CHECK(kill(pid, SIGKILL) == 0 && dies_of(pid, SIGKILL) && succeeds(waits));
    CHECK(died(&held[0]) && died(&held[1]));
}

/* A list of our own: its owner was about to wake who waits. */
static void about_to_wake(void) {
    struct {
        struct robust_list link;
        uint32_t word;
    } *lock = shared(-1, PROT_READ | PROT_WRITE);
    lock->word = FUTEX_WAITERS | 1;
    pid_t waits = fork();
    if (waits == 0) _exit(syscall(SYS_futex, &lock->word, FUTEX_WAIT, FUTEX_WAITERS | 1, NULL, NULL, 0) != 0);
    wait_until_asleep(waits);
    pid_t pid = fork();
    if (pid == 0) {
        struct robust_list_head head = {{&head.list}, (char *)&lock->word - (char *)&lock->link, &lock->link};
        CHECK(syscall(SYS_set_robust_list, &head, sizeof head) == 0);
        lock->word = 0;
        die_by_kill();
    }
    CHECK(dies_of(pid, SIGKILL) && succeeds(waits));
}

static int shared_mappings(pid_t pid) {
    char line[4400];
    snprintf(line, sizeof line, "/proc/%d/maps", pid);
    FILE *maps = fopen(line, "r");
    int found = 0;
    CHECK(maps);
    while (fgets(line, sizeof line, maps)) found += strstr(line, " rw-s ") != NULL;
    fclose(maps);
    return found;
}

/* Another process sees of it what is there. */
static void views(void) {
    int mine = shared_mappings(getpid());
    pid_t pid = fork();
    if (pid == 0) hold(shared(-1, PROT_READ | PROT_WRITE));
    await();
    CHECK(shared_mappings(pid) == mine + 1 && kill(pid, SIGKILL) == 0 && dies_of(pid, SIGKILL));
}

int main(int argc, char **argv) {
    if (argc > 1) {
        CHECK(write(9, argv[1], 1) == 1);
        die_late();
    }
    CHECK(readlink("/proc/self/exe", self, sizeof self - 1) > 0);
    CHECK(pipe(ready) == 0 && dup2(ready[1], 9) == 9);
    pthread_mutex_t *mutex = shared(-1, PROT_READ | PROT_WRITE);
    for (int i = 0; i < MANY; i++) make(&mutex[i]);
    ways_to_die(mutex);
    places();
    threads();
    about_to_wake();
    views();
    CHECK_ERRNO(waitpid(-1, NULL, __WALL), ECHILD);
}
