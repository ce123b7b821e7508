/* Children that outlive their parents: who becomes their parent, PR_SET_CHILD_SUBREAPER, PR_SET_PDEATHSIG, orphaned groups. */
#include "children.h"
#include <sys/prctl.h>

static int tube[2];
static pid_t first_parent;

/* A child whose child goes on, by the number that comes through the pipe. */
static pid_t make_orphan(int (*run)(void)) {
    CHECK(pipe(tube) == 0);
    pid_t pid = fork();
    if (pid == 0) {
        first_parent = getpid();
        pid_t inner = fork();
        if (inner == 0) _exit(run());
        CHECK(write(tube[1], &inner, sizeof inner) == sizeof inner);
        _exit(0);
    }
    pid_t orphan;
    CHECK(read(tube[0], &orphan, sizeof orphan) == sizeof orphan && succeeds(pid));
    return orphan;
}

static int has_new_parent(void) {
    for (int i = 0; i < 10000 && getppid() == first_parent; i++) usleep(1000);
    return getppid() == first_parent ? 1 : 11;
}

static void subreaper(void) {
    int on = -1;
    CHECK(prctl(PR_GET_CHILD_SUBREAPER, &on) == 0 && on == 0);
    CHECK(prctl(PR_SET_CHILD_SUBREAPER, 1) == 0 && prctl(PR_GET_CHILD_SUBREAPER, &on) == 0 && on == 1);
    pid_t orphan = make_orphan(has_new_parent);
    CHECK(WEXITSTATUS(status_of(orphan)) == 11); /* it is this process's child now */
    pid_t pid = fork();                          /* children of a subreaper are none */
    if (pid == 0) _exit(prctl(PR_GET_CHILD_SUBREAPER, &on) || on);
    CHECK(succeeds(pid));
    CHECK(prctl(PR_SET_CHILD_SUBREAPER, 0) == 0);
}

static int dies_with_parent(void) {
    CHECK(prctl(PR_SET_PDEATHSIG, SIGUSR1) == 0 && write(tube[1], "x", 1) == 1);
    for (;;) pause();
    return 0;
}

static void parent_death(void) {
    int number = -1;
    CHECK(prctl(PR_SET_CHILD_SUBREAPER, 1) == 0);
    CHECK_ERRNO(prctl(PR_SET_PDEATHSIG, 65), EINVAL);
    int ready[2], go[2], told[2];
    CHECK(pipe(ready) == 0 && pipe(go) == 0 && pipe(told) == 0);
    pid_t pid = fork();
    if (pid == 0) {
        pid_t inner = fork();
        if (inner == 0) {
            CHECK(prctl(PR_SET_PDEATHSIG, SIGUSR1) == 0 && prctl(PR_GET_PDEATHSIG, &number) == 0 && number == SIGUSR1);
            pid_t third = fork(); /* who does not inherit it */
            if (third == 0) _exit(prctl(PR_GET_PDEATHSIG, &number) || number);
            CHECK(succeeds(third));
            CHECK(write(ready[1], "x", 1) == 1);
            for (;;) pause();
        }
        CHECK(write(told[1], &inner, sizeof inner) == sizeof inner);
        char byte;
        CHECK(read(go[0], &byte, 1) == 1);
        _exit(0);
    }
    pid_t inner;
    char byte;
    CHECK(read(told[0], &inner, sizeof inner) == sizeof inner && read(ready[0], &byte, 1) == 1);
    CHECK(write(go[1], "x", 1) == 1 && succeeds(pid) && dies_of(inner, SIGUSR1));

    CHECK(pipe(tube) == 0);
    pid = fork(); /* a parent that is killed */
    if (pid == 0) {
        inner = start(dies_with_parent);
        CHECK(read(tube[0], &byte, 1) == 1 && write(told[1], &inner, sizeof inner) == sizeof inner);
        for (;;) pause();
    }
    CHECK(read(told[0], &inner, sizeof inner) == sizeof inner && kill(pid, SIGKILL) == 0 && dies_of(pid, SIGKILL));
    CHECK(dies_of(inner, SIGUSR1));
    CHECK(prctl(PR_SET_CHILD_SUBREAPER, 0) == 0);
}

/* A stopped process whose group is orphaned gets SIGHUP and SIGCONT. */
static void orphaned_group(void) {
    CHECK(prctl(PR_SET_CHILD_SUBREAPER, 1) == 0);
    int told[2];
    CHECK(pipe(told) == 0);
    pid_t pid = fork();
    if (pid == 0) {
        CHECK(setsid() == getpid());
        pid_t inner = fork();
        if (inner == 0) {
            CHECK(setpgid(0, 0) == 0);
            raise(SIGSTOP);
            _exit(1);
        }
        int status;
        CHECK(waitpid(inner, &status, WUNTRACED) == inner && WIFSTOPPED(status));
        CHECK(write(told[1], &inner, sizeof inner) == sizeof inner);
        _exit(0);
    }
    pid_t inner;
    CHECK(read(told[0], &inner, sizeof inner) == sizeof inner && succeeds(pid));
    CHECK(dies_of(inner, SIGHUP));

    pid = fork(); /* and a stop signal from the terminal's keys stops none in such a group */
    if (pid == 0) {
        CHECK(setsid() == getpid());
        raise(SIGTSTP);
        _exit(9);
    }
    CHECK(status_of(pid) == 9 << 8);
    CHECK(prctl(PR_SET_CHILD_SUBREAPER, 0) == 0);
}

int main(void) {
    subreaper();
    parent_death();
    orphaned_group();
}
