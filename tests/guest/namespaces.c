/* unshare(2) and setns(2), of the namespaces that are for processes of one thread, too; what the guest is goes on in them. */
#include "children.h"
#include <pthread.h>

static void put(const char *path, const char *text) {
    int fd = open(path, O_WRONLY);
    CHECK(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text) && close(fd) == 0);
}

static int nothing_changes(void) {
    CHECK(unshare(CLONE_VM | CLONE_SIGHAND | CLONE_THREAD) == 0 && unshare(CLONE_FILES | CLONE_FS) == 0);
    CHECK_ERRNO(unshare(1), EINVAL);
    CHECK_ERRNO(setns(99, CLONE_NEWUSER), EBADF);
    int fd = open("/dev/null", O_RDONLY);
    CHECK_ERRNO(setns(fd, 0), EINVAL);
    return 0;
}

static volatile int caught;
static void on_signal(int number, siginfo_t *info, void *context) {
    (void)info, (void)context;
    caught = number;
}

/* A user namespace with or without others: registers, memory, signals and children as before. */
static int is_root_there(int flags) {
    char map[100];
    uid_t user = geteuid();
    volatile double kept = 1.5;
    __asm__ volatile("movsd %0, %%xmm9" : : "m"(kept) : "xmm9");
    handle(SIGUSR1, on_signal, 0);
    if (unshare(CLONE_NEWUSER | flags)) return errno == EPERM || errno == ENOSPC ? 0 : 1; /* the host gives none */
    double after;
    __asm__ volatile("movsd %%xmm9, %0" : "=m"(after));
    CHECK(after == 1.5 && getuid() == 65534 && getegid() == 65534);
    put("/proc/self/setgroups", "deny");
    snprintf(map, sizeof map, "0 %u 1", user);
    put("/proc/self/uid_map", map);
    CHECK(getuid() == 0 && geteuid() == 0);
    CHECK(raise(SIGUSR1) == 0 && caught == SIGUSR1);
    pid_t pid = fork();
    if (pid == 0) {
        if (flags & CLONE_NEWPID) CHECK(getpid() == 1);
        execl("/bin/sh", "sh", "-c", "test $(id -u) = 0", NULL);
    }
    CHECK(succeeds(pid));
    if (flags & CLONE_NEWUTS) CHECK(sethostname("there", 5) == 0);
    return 0;
}

static int user(void) { return is_root_there(0); }
static int user_and_more(void) { return is_root_there(CLONE_NEWNS | CLONE_NEWUTS); }
static int user_and_processes(void) { return is_root_there(CLONE_NEWPID); }

/* Of a child that waits; its user is one that this process names. */
static int enters(void) {
    int tube[2];
    char path[40], map[100], byte;
    uid_t mine = geteuid();
    CHECK(pipe(tube) == 0);
    pid_t pid = fork();
    if (pid == 0) {
        CHECK(close(tube[1]) == 0);
        if (unshare(CLONE_NEWUSER | CLONE_NEWUTS)) _exit(errno == EPERM || errno == ENOSPC ? 0 : 1);
        CHECK(getuid() == 65534 && kill(getpid(), SIGSTOP) == 0 && getuid() == 0);
        CHECK(sethostname("inner", 5) == 0 && kill(getpid(), SIGSTOP) == 0 && read(tube[0], &byte, 1) == 0);
        _exit(0);
    }
    int status;
    CHECK(waitpid(pid, &status, WUNTRACED) == pid);
    if (WIFEXITED(status)) return status;
    snprintf(path, sizeof path, "/proc/%d/uid_map", pid);
    snprintf(map, sizeof map, "0 %u 1", mine);
    put(path, map);
    CHECK(kill(pid, SIGCONT) == 0 && waitpid(pid, &status, WUNTRACED) == pid && WIFSTOPPED(status));
    pid_t inner = fork();
    if (inner == 0) {
        char name[100];
        snprintf(path, sizeof path, "/proc/%d/ns/user", pid);
        int users = open(path, O_RDONLY);
        snprintf(path, sizeof path, "/proc/%d/ns/uts", pid);
        int names = open(path, O_RDONLY);
        CHECK(users >= 0 && names >= 0);
        CHECK_ERRNO(setns(users, CLONE_NEWUTS), EINVAL);
        CHECK(setns(users, CLONE_NEWUSER) == 0 && setns(names, 0) == 0);
        CHECK(getuid() == 0 && gethostname(name, sizeof name) == 0 && !strcmp(name, "inner"));
        _exit(0);
    }
    CHECK(succeeds(inner));
    CHECK(kill(pid, SIGCONT) == 0 && close(tube[1]) == 0 && succeeds(pid));
    return 0;
}

static int mounts(void) {
    char path[40];
    snprintf(path, sizeof path, "/proc/%d/ns/mnt", getppid());
    int fd = open(path, O_RDONLY);
    if (geteuid()) return 0;
    CHECK(fd >= 0 && setns(fd, CLONE_NEWNS) == 0);
    return 0;
}

static void *waits(void *arg) {
    pause();
    return arg;
}

static int beside_a_thread(void) {
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, waits, NULL) == 0);
    CHECK_ERRNO(unshare(CLONE_NEWUSER), EINVAL);
    CHECK_ERRNO(unshare(CLONE_THREAD), EINVAL);
    return 0;
}

int main(void) {
    CHECK(succeeds(start(nothing_changes)));
    CHECK(succeeds(start(user)));
    CHECK(succeeds(start(user_and_more)));
    CHECK(succeeds(start(user_and_processes)));
    CHECK(succeeds(start(enters)));
    CHECK(succeeds(start(mounts)));
    CHECK(succeeds(start(beside_a_thread)));
}
