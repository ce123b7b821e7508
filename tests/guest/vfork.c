/* vfork and posix_spawn: the parent waits, and finds in its memory what the child has written until its execve or end. */
#include "children.h"
#include <spawn.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <time.h>

extern char **environ;

static volatile int word;
static volatile char *pages;

static void writes_and_exits(void) {
    char *old = mmap(NULL, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    volatile int local = 1;
    pid_t pid = vfork();
    if (pid == 0) {
        word = 7, local = 2, old[PAGE] = 'x';
        for (int i = 0; i < 300; i++) pages[i * PAGE] = (char)i;
        errno = 77;
        _exit(3);
    }
    CHECK(pid > 0 && errno == 77 && word == 7 && local == 2 && old[PAGE] == 'x' && old[0] == 0);
    for (int i = 0; i < 300; i++) CHECK(pages[i * PAGE] == (char)i);
    CHECK(WEXITSTATUS(status_of(pid)) == 3);
}

static void writes_and_executes(const char *path) {
    word = 0;
    int readable[2];
    CHECK(pipe(readable) == 0);
    pid_t pid = vfork();
    if (pid == 0) {
        word = 8;
        dup2(readable[1], 1);
        execl(path, "vfork", "print", NULL);
        _exit(1);
    }
    CHECK(pid > 0 && word == 8); /* it is executing, perhaps not at its end */
    char text[10];
    CHECK(read(readable[0], text, 10) == 7 && !memcmp(text, "printed", 7) && succeeds(pid));
    CHECK(close(readable[0]) == 0 && close(readable[1]) == 0);
}

static void parent_waits(void) {
    word = 0;
    pid_t pid = vfork();
    if (pid == 0) {
        struct timespec t = {0, 100000000};
        nanosleep(&t, NULL);
        word = 9;
        _exit(0);
    }
    CHECK(word == 9 && succeeds(pid));

    pid = vfork(); /* and does not wait for what its child has forked */
    if (pid == 0) {
        pid_t inner = fork();
        if (inner == 0) {
            pause();
            _exit(0);
        }
        word = inner;
        _exit(0);
    }
    CHECK(word > 0 && succeeds(pid) && kill(word, SIGKILL) == 0);

    pid = vfork(); /* a child that is killed writes no more */
    if (pid == 0) {
        raise(SIGKILL);
        _exit(0);
    }
    CHECK(dies_of(pid, SIGKILL));
}

static int caught;
static void on_signal(int number, siginfo_t *info, void *context) {
    (void)info, (void)context;
    caught = number;
}

/* A signal that comes while the parent waits is handled after that, and a handler set by the child is the child's. */
static void signals(void) {
    handle(SIGUSR1, on_signal, 0);
    caught = 0;
    pid_t pid = vfork();
    if (pid == 0) {
        kill(getppid(), SIGUSR1);
        signal(SIGUSR1, SIG_DFL);
        _exit(caught);
    }
    CHECK(caught == SIGUSR1 && succeeds(pid));
    raise(SIGUSR1);
}

static void without_descriptors(const char *path) {
    struct rlimit old, none = {0, 0};
    CHECK(getrlimit(RLIMIT_NOFILE, &old) == 0);
    none = (struct rlimit){0, old.rlim_max};
    CHECK(setrlimit(RLIMIT_NOFILE, &none) == 0);
    pid_t pid = vfork();
    if (pid == 0) {
        close(2);
        execl(path, "vfork", "nothing", NULL); /* it ends for want of a descriptor for its library */
        _exit(1);
    }
    CHECK(pid > 0 && WEXITSTATUS(status_of(pid)) == 127);
    CHECK(setrlimit(RLIMIT_NOFILE, &old) == 0);
    int fd = open("/dev/null", O_RDONLY);
    CHECK(fd >= 0 && close(fd) == 0);
}

static void spawn(const char *path) {
    pid_t pid = -1;
    char *nothing[] = {"x", "nothing", NULL};
    CHECK(posix_spawn(&pid, "/no/such/program", NULL, NULL, nothing, environ) == ENOENT);
    CHECK(posix_spawn(&pid, "/", NULL, NULL, nothing, environ) == EACCES);
    CHECK(posix_spawn(&pid, "/etc/passwd", NULL, NULL, nothing, environ) == EACCES);
    CHECK(posix_spawn(&pid, "/etc/passwd/x", NULL, NULL, nothing, environ) == ENOTDIR);
    CHECK(posix_spawnp(&pid, "no-such-program-anywhere", NULL, NULL, nothing, environ) == ENOENT);
    CHECK_ERRNO(wait(NULL), ECHILD);

    posix_spawn_file_actions_t actions;
    CHECK(posix_spawn_file_actions_init(&actions) == 0);
    CHECK(posix_spawn_file_actions_addopen(&actions, 5, "/no/such/file", O_RDONLY, 0) == 0);
    CHECK(posix_spawn(&pid, path, &actions, NULL, nothing, environ) == ENOENT);
    CHECK(posix_spawn_file_actions_destroy(&actions) == 0);

    CHECK(posix_spawn_file_actions_init(&actions) == 0);
    CHECK(posix_spawn_file_actions_addopen(&actions, 1, "printed", O_WRONLY | O_CREAT, 0644) == 0);
    posix_spawnattr_t attributes;
    CHECK(posix_spawnattr_init(&attributes) == 0);
    sigset_t set;
    sigfillset(&set);
    CHECK(posix_spawnattr_setsigdefault(&attributes, &set) == 0);
    sigemptyset(&set);
    CHECK(posix_spawnattr_setsigmask(&attributes, &set) == 0 && posix_spawnattr_setpgroup(&attributes, 0) == 0);
    CHECK(posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP) == 0);
    char *print[] = {"x", "print", NULL};
    CHECK(posix_spawn(&pid, path, &actions, &attributes, print, environ) == 0);
    CHECK(getpgid(pid) == pid || errno == ESRCH);
    CHECK(succeeds(pid) && !strcmp(read_file("printed", NULL), "printed"));

    CHECK(WEXITSTATUS(system("exit 5")) == 5 && system("no-such-program 2>/dev/null") == 127 << 8);
    FILE *stream = popen("echo piped", "r");
    char text[10] = "";
    CHECK(stream && fgets(text, 10, stream) && !strcmp(text, "piped\n") && pclose(stream) == 0);
}

static void descriptors(void) {
    int before = open("/dev/null", O_RDONLY);
    close(before);
    pid_t pid = vfork();
    if (pid == 0) _exit(open("/dev/null", O_RDONLY));
    CHECK(WEXITSTATUS(status_of(pid)) == before); /* none of them is another's than the program's */
    CHECK(open("/dev/null", O_RDONLY) == before && close(before) == 0);
}

int main(int argc, char **argv) {
    if (argc == 2 && !strcmp(argv[1], "nothing")) return 0;
    if (argc == 2) return write(1, "printed", 7) != 7;
    pages = mmap(NULL, 300 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    char path[PATH_MAX];
    CHECK(realpath("/proc/self/exe", path));
    descriptors();
    writes_and_exits();
    writes_and_executes(path);
    parent_waits();
    signals();
    without_descriptors(path);
    spawn(path);
}
