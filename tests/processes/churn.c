/* churn WORK ROUNDS K: does WORK K times; before the last ROUNDS of them, and after them, it says its number and waits to be
 * looked at. */
#include "../guest/children.h"
#include <pthread.h>
#include <spawn.h>

extern char **environ;
static char **arguments;

static void forks(int k) {
    pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) _exit(k & 0x7F);
    CHECK(status_of(pid) == (k & 0x7F) << 8);
}

/* The program goes on in a child of each. */
static void generations(int k) {
    pid_t pid = fork();
    CHECK(pid >= 0 && k);
    if (pid) _exit(0);
}

static void execs(int k) {
    char left[20];
    sprintf(left, "%d", k - 1);
    execv(arguments[0], (char *[]){arguments[0], "execs", arguments[2], left, NULL});
    CHECK(!"execv");
}

static void spawns(int k) {
    pid_t pid;
    CHECK(posix_spawn(&pid, "/bin/true", NULL, NULL, (char *[]){"true", NULL}, environ) == 0 && succeeds(pid));
    CHECK(k && posix_spawn(&pid, "/absent", NULL, NULL, (char *[]){"absent", NULL}, environ) == ENOENT);
}

static void killed(int k) {
    pid_t pid = fork();
    CHECK(pid >= 0 && k);
    if (pid == 0)
        for (;;) pause();
    CHECK(kill(pid, SIGKILL) == 0 && dies_of(pid, SIGKILL));
}

static void *ends(void *arg) { return arg; }

static void threads(int k) {
    pthread_t thread;
    CHECK(k && pthread_create(&thread, NULL, ends, NULL) == 0 && pthread_join(thread, NULL) == 0);
}

static void pipes(int k) {
    int fds[2];
    CHECK(k && pipe(fds) == 0 && close(fds[0]) == 0 && close(fds[1]) == 0);
}

static void maps(int k) {
    char *p = mmap(NULL, 40 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(p != MAP_FAILED);
    for (int i = 0; i < 40; i++) p[i * PAGE] = k;
    CHECK(mprotect(p + 8 * PAGE, PAGE, PROT_READ) == 0 && munmap(p, 20 * PAGE) == 0 && munmap(p + 20 * PAGE, 20 * PAGE) == 0);
}

static void caught(int number) { CHECK(number == SIGUSR1); }

static void signals(int k) { CHECK(k && signal(SIGUSR1, caught) != SIG_ERR && raise(SIGUSR1) == 0); }

/* K children that all live at the same time; each sleeps until the last one is there. */
static void crowd(int k) {
    int tube[2], started[2];
    char byte;
    pid_t *pids = malloc(sizeof *pids * k);
    CHECK(pids && pipe(tube) == 0 && pipe(started) == 0);
    for (int i = 0; i < k; i++) {
        CHECK((pids[i] = fork()) >= 0);
        if (pids[i]) continue;
        close(tube[1]);
        CHECK(write(started[1], "x", 1) == 1 && read(tube[0], &byte, 1) == 0);
        _exit(i & 0x7F);
    }
    for (int i = 0; i < k; i++) CHECK(read(started[0], &byte, 1) == 1);
    close(tube[1]);
    for (int i = 0; i < k; i++) CHECK(status_of(pids[i]) == (i & 0x7F) << 8);
    CHECK(waitpid(-1, NULL, 0) == -1 && errno == ECHILD);
    close(tube[0]), close(started[0]), close(started[1]), free(pids);
}

static const struct {
    const char *name;
    void (*work)(int);
} works[] = {{"forks", forks},     {"generations", generations},
             {"execs", execs},     {"spawns", spawns},
             {"killed", killed},   {"threads", threads},
             {"pipes", pipes},     {"maps", maps},
             {"signals", signals}, {"crowd", crowd}};

static void be_looked_at(void) {
    char byte;
    dprintf(1, "%d\n", getpid());
    CHECK(read(0, &byte, 1) == 1);
}

int main(int argc, char **argv) {
    CHECK(argc == 4);
    arguments = argv;
    int rounds = atoi(argv[2]), k = atoi(argv[3]);
    size_t n = 0;
    while (strcmp(works[n].name, argv[1])) CHECK(++n < sizeof works / sizeof *works);
    if (works[n].work == crowd) { /* two of the same size: the second must find all as the first left it */
        crowd(rounds);
        be_looked_at();
        crowd(rounds);
        be_looked_at();
        return 0;
    }
    for (;; k--) {
        if (k == rounds || k == 0) be_looked_at();
        if (k == 0) return 0;
        works[n].work(k);
    }
}
