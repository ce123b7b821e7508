/* setpgid(2) of others: which of them a process may move, and that nobody moves a child that has executed a program. */
#include "children.h"

static int sleeps(void) {
    for (;;) pause();
    return 0;
}

static void ends(pid_t pid) { CHECK(kill(pid, SIGKILL) == 0 && dies_of(pid, SIGKILL)); }

static void not_after_exec(pid_t pid) {
    CHECK_ERRNO(setpgid(pid, -1), EINVAL);
    CHECK_ERRNO(setpgid(pid, pid), EACCES);
    CHECK_ERRNO(setpgid(pid, 0), EACCES);
    CHECK_ERRNO(setpgid(pid, getpgrp()), EACCES);
    CHECK_ERRNO(setpgid(pid, 0x7ffffff), EACCES);
    CHECK(getpgid(pid) == getpgrp());
}

int main(void) {
    pid_t pid = start(sleeps);
    CHECK(setpgid(pid, 0) == 0 && getpgid(pid) == pid && setpgid(pid, getpgrp()) == 0 && getpgid(pid) == getpgrp());
    CHECK_ERRNO(setpgid(pid, 1), EPERM);
    ends(pid);
    CHECK_ERRNO(setpgid(pid, pid), ESRCH);

    pid = vfork(); /* which has executed it once this goes on */
    if (pid == 0) execl("/bin/sleep", "sleep", "1000", NULL), _exit(1);
    not_after_exec(pid);
    ends(pid);

    int tube[2];
    char byte;
    CHECK(pipe2(tube, O_CLOEXEC) == 0 && (pid = fork()) >= 0);
    if (pid == 0) execl("/bin/sleep", "sleep", "1000", NULL), _exit(1);
    CHECK(close(tube[1]) == 0 && read(tube[0], &byte, 1) == 0);
    not_after_exec(pid);
    ends(pid);

    CHECK(pipe(tube) == 0 && (pid = fork()) >= 0); /* in a session of its own */
    if (pid == 0) _exit(setsid() < 0 || write(tube[1], "x", 1) != 1 || sleeps());
    CHECK(read(tube[0], &byte, 1) == 1);
    CHECK_ERRNO(setpgid(pid, 0), EPERM);
    ends(pid);

    pid = fork(); /* a child's child */
    if (pid == 0) {
        pid_t inner = start(sleeps);
        CHECK(write(tube[1], &inner, sizeof inner) == sizeof inner);
        sleeps();
    }
    pid_t inner;
    CHECK(read(tube[0], &inner, sizeof inner) == sizeof inner);
    CHECK_ERRNO(setpgid(inner, 0), ESRCH);
    CHECK(kill(inner, SIGKILL) == 0);
    ends(pid);
}
