/* prlimit(2) of another process: its limits are what is set for it, bind it, and are its children's. */
#include "children.h"
#include <sys/resource.h>

static int orders[2], answers[2];

static void says(char expected) {
    char c = 0;
    CHECK(read(answers[0], &c, 1) == 1 && c == expected);
}

static void say(char c) { CHECK(write(answers[1], &c, 1) == 1); }

static void obeys(int resource, rlim_t soft, rlim_t hard) {
    struct rlimit now;
    CHECK(getrlimit(resource, &now) == 0 && now.rlim_cur == soft && now.rlim_max == hard);
}

static int maps(size_t size) {
    void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) return 0;
    CHECK(munmap(p, size) == 0);
    return 1;
}

static int limited(void) {
    char c;
    struct rlimit small = {3 << 20, RLIM_INFINITY};
    CHECK(setrlimit(RLIMIT_STACK, &small) == 0);
    say('r');
    CHECK(read(orders[0], &c, 1) == 1);
    obeys(RLIMIT_AS, 1ul << 30, 2ul << 30);
    obeys(RLIMIT_NOFILE, 100, 200);
    obeys(RLIMIT_STACK, 5 << 20, RLIM_INFINITY);
    CHECK(maps(100 << 20) && !maps(2ul << 30));
    CHECK_ERRNO(dup2(0, 100), EBADF);
    CHECK(dup2(0, 99) == 99);
    pid_t pid = fork();
    if (pid == 0) {
        obeys(RLIMIT_AS, 1ul << 30, 2ul << 30);
        execl("/bin/sh", "sh", "-c", "test $(ulimit -v) = 1048576 -a $(ulimit -s) = 5120 -a $(ulimit -n) = 100", NULL);
    }
    CHECK(succeeds(pid));
    struct rlimit wide = {2ul << 30, 2ul << 30};
    CHECK(setrlimit(RLIMIT_AS, &wide) == 0 && maps(1ul << 30));
    say('w');
    CHECK(read(orders[0], &c, 1) == 1);
    return 0;
}

int main(void) {
    struct rlimit mine[RLIM_NLIMITS], old, limit = {1, 1};
    CHECK(pipe(orders) == 0 && pipe(answers) == 0);
    for (int i = 0; i < RLIM_NLIMITS; i++) CHECK(getrlimit(i, &mine[i]) == 0);
    pid_t pid = start(limited);
    says('r');
    CHECK(prlimit(pid, RLIMIT_STACK, NULL, &old) == 0 && old.rlim_cur == 3 << 20);
    old.rlim_cur = 5 << 20;
    CHECK(prlimit(pid, RLIMIT_STACK, &old, NULL) == 0);
    limit = (struct rlimit){1ul << 30, 2ul << 30};
    CHECK(prlimit(pid, RLIMIT_AS, &limit, &old) == 0 && old.rlim_cur == mine[RLIMIT_AS].rlim_cur);
    CHECK(prlimit(pid, RLIMIT_AS, NULL, &old) == 0 && !memcmp(&old, &limit, sizeof old));
    limit = (struct rlimit){100, 200};
    CHECK(prlimit(pid, RLIMIT_NOFILE, &limit, &old) == 0 && !memcmp(&old, &mine[RLIMIT_NOFILE], sizeof old));
    limit = (struct rlimit){3ul << 30, 2ul << 30};
    CHECK_ERRNO(prlimit(pid, RLIMIT_AS, &limit, NULL), EINVAL);
    CHECK_ERRNO(prlimit(pid, RLIM_NLIMITS, NULL, &old), EINVAL);
    CHECK_ERRNO(prlimit(pid, RLIMIT_AS, (void *)8, NULL), EFAULT);
    CHECK_ERRNO(prlimit(pid, RLIMIT_AS, NULL, (void *)8), EFAULT);
    CHECK_ERRNO(prlimit(0x7ffffff, RLIMIT_AS, NULL, &old), ESRCH);
    CHECK_ERRNO(prlimit(-1, RLIMIT_AS, NULL, &old), ESRCH);
    CHECK(prlimit(pid, RLIMIT_AS, NULL, NULL) == 0);
    CHECK(write(orders[1], "go", 1) == 1);
    says('w');
    CHECK(prlimit(pid, RLIMIT_AS, NULL, &old) == 0 && old.rlim_cur == 2ul << 30);
    for (int i = 0; i < RLIM_NLIMITS; i++) CHECK(getrlimit(i, &old) == 0 && !memcmp(&old, &mine[i], sizeof old));
    if (getuid() == 0) { /* another user's are out of reach, and nobody without rights raises a hard limit */
        pid_t other = fork();
        if (other == 0) {
            CHECK(setresgid(54321, 54321, 54321) == 0 && setresuid(54321, 54321, 54321) == 0);
            CHECK_ERRNO(prlimit(pid, RLIMIT_AS, NULL, &old), EPERM);
            CHECK_ERRNO(prlimit(pid, RLIMIT_AS, &limit, NULL), EPERM);
            pid_t child = fork();
            if (child == 0) {
                for (;;) pause();
            }
            limit = (struct rlimit){1ul << 30, 2ul << 30};
            CHECK(prlimit(child, RLIMIT_AS, &limit, NULL) == 0);
            limit.rlim_max++;
            CHECK_ERRNO(prlimit(child, RLIMIT_AS, &limit, NULL), EPERM);
            CHECK(kill(child, SIGKILL) == 0 && dies_of(child, SIGKILL));
            _exit(0);
        }
        CHECK(succeeds(other));
    }
    CHECK(write(orders[1], "go", 1) == 1 && succeeds(pid));
}
