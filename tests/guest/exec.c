/* execve: what the new program keeps of the process and what it does not. The program executes itself with a word that says
 * what to look at. */
#include "children.h"
#include <elf.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>

extern char **environ;
static char path[PATH_MAX];

static int caught;
static void on_signal(int number, siginfo_t *info, void *context) {
    (void)info, (void)context;
    caught = number;
}

static char *comm(void) {
    static char name[16];
    CHECK(prctl(PR_GET_NAME, name) == 0);
    return name;
}

static void run(char *const argv[], char *const envp[]) {
    execve(path, argv, envp);
    CHECK(!"execve came back");
}

static int run_word(char *word) {
    run((char *[]){"exec", word, NULL}, environ);
    return 1;
}

/* ---- What the new program finds ---- */

static void look_at_arguments(int argc, char **argv) {
    CHECK(argc == 5 && !strcmp(argv[0], "a name") && !strcmp(argv[2], "") && !strcmp(argv[3], "b c") &&
          !strcmp(argv[4], "\xff"));
    CHECK(!argv[5] && !strcmp(environ[0], "A=1") && !strcmp(environ[1], "no equals sign") && !environ[2]);
    CHECK(!strcmp((char *)getauxval(AT_EXECFN), path) && getauxval(AT_SECURE) == 0 && getauxval(AT_PAGESZ) == PAGE);
    CHECK(getauxval(AT_UID) == getuid() && getauxval(AT_EGID) == getegid());
    char name[16];
    snprintf(name, sizeof name, "%s", strrchr(path, '/') + 1);
    CHECK(!strcmp(comm(), name));
    char link[PATH_MAX] = "";
    CHECK(readlink("/proc/self/exe", link, sizeof link) > 0 && !strcmp(link, path));
    size_t size;
    char *text = read_file("/proc/self/cmdline", &size);
    CHECK(size == 24 && !memcmp(text, "a name\0arguments\0\0b c\0\xff", 24));
}

static void look_at_signals(void) {
    struct sigaction action;
    CHECK(sigaction(SIGUSR1, NULL, &action) == 0 && action.sa_handler == SIG_DFL && !action.sa_flags);
    CHECK(sigaction(SIGUSR2, NULL, &action) == 0 && action.sa_handler == SIG_IGN);
    CHECK(sigaction(SIGCHLD, NULL, &action) == 0 && action.sa_handler == SIG_DFL && !action.sa_flags);
    sigset_t set;
    CHECK(sigprocmask(SIG_SETMASK, NULL, &set) == 0 && sigismember(&set, SIGRTMIN + 1) && !sigismember(&set, SIGUSR1));
    CHECK(is_pending(SIGRTMIN + 1));
    sigemptyset(&set);
    sigaddset(&set, SIGRTMIN + 1);
    siginfo_t info;
    CHECK(sigwaitinfo(&set, &info) == SIGRTMIN + 1 && info.si_value.sival_int == 77);
    stack_t stack;
    CHECK(sigaltstack(NULL, &stack) == 0 && stack.ss_flags == SS_DISABLE);
    unsigned left = alarm(0);
    CHECK(left > 500 && left <= 1000);
    struct itimerspec timer;
    CHECK_ERRNO(syscall(SYS_timer_gettime, 0, &timer), EINVAL);
    if (fork() == 0) _exit(0); /* SA_NOCLDWAIT is gone: there is something to wait for */
    CHECK(wait(NULL) > 0);
}

static void look_at_files(void) {
    CHECK(fcntl(40, F_GETFD) == 0);
    CHECK_ERRNO(fcntl(41, F_GETFD), EBADF);
    char byte;
    CHECK(read(40, &byte, 1) == 1 && byte == 'b');
    CHECK(umask(0) == 0123);
    struct rlimit limit;
    CHECK(getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur == 12345);
    CHECK(getrlimit(RLIMIT_STACK, &limit) == 0 && limit.rlim_cur == 3 << 20);
    CHECK(getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur == 1ull << 40);
    char here[PATH_MAX];
    CHECK(getcwd(here, sizeof here) && strstr(here, "/folder"));
    CHECK(getpriority(PRIO_PROCESS, 0) == 3);
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 1};
    CHECK(fcntl(40, F_GETLK, &lock) == 0 && lock.l_type == F_UNLCK); /* it is this process's own */
    int signal_number;
    CHECK(prctl(PR_GET_PDEATHSIG, &signal_number) == 0 && signal_number == SIGTERM);
}

static void look_at_memory(void) {
    char *text = read_file("/proc/self/maps", NULL);
    CHECK(!strstr(text, "marked") && !strstr(text, "2000000000"));
    CHECK(!kernel_reads((void *)0x2000000000));
    unsigned short control;
    unsigned mxcsr;
    __asm__ volatile("fnstcw %0\n\tstmxcsr %1" : "=m"(control), "=m"(mxcsr));
    CHECK(control == 0x37f && mxcsr == 0x1f80);
}

/* ---- What the old program leaves ---- */

static void leave_signals(void) {
    handle(SIGUSR1, on_signal, SA_RESTART);
    signal(SIGUSR2, SIG_IGN);
    struct sigaction action = {.sa_handler = SIG_DFL, .sa_flags = SA_NOCLDWAIT};
    CHECK(sigaction(SIGCHLD, &action, NULL) == 0);
    block(SIG_BLOCK, SIGRTMIN + 1);
    CHECK(sigqueue(getpid(), SIGRTMIN + 1, (union sigval){77}) == 0);
    stack_t stack = {malloc(SIGSTKSZ), 0, SIGSTKSZ};
    CHECK(sigaltstack(&stack, NULL) == 0);
    alarm(1000);
    timer_t timer;
    CHECK(timer_create(CLOCK_MONOTONIC, &(struct sigevent){.sigev_notify = SIGEV_NONE}, &timer) == 0);
    run_word("signals");
}

static void leave_files(void) {
    int fd = make_file("file", "abc", 3);
    char byte;
    CHECK(dup2(fd, 40) == 40 && dup3(fd, 41, O_CLOEXEC) == 41 && read(fd, &byte, 1) == 1 && close(fd) == 0);
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 1};
    CHECK(fcntl(40, F_SETLK, &lock) == 0);
    umask(0123);
    CHECK(setrlimit(RLIMIT_FSIZE, &(struct rlimit){12345, RLIM_INFINITY}) == 0);
    CHECK(setrlimit(RLIMIT_STACK, &(struct rlimit){3 << 20, RLIM_INFINITY}) == 0);
    CHECK(setrlimit(RLIMIT_AS, &(struct rlimit){1ull << 40, RLIM_INFINITY}) == 0);
    CHECK(mkdir("folder", 0777) == 0 && chdir("folder") == 0 && setpriority(PRIO_PROCESS, 0, 3) == 0);
    CHECK(prctl(PR_SET_PDEATHSIG, SIGTERM) == 0);
    run_word("files");
}

static void leave_memory(void) {
    char *p = mmap((void *)0x2000000000, 100 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE,
                   -1, 0);
    CHECK(p == (char *)0x2000000000);
    int fd = make_file("marked", "x", 1);
    CHECK(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0) != MAP_FAILED);
    unsigned short control = 0x27f;
    unsigned mxcsr = 0x1f00;
    __asm__ volatile("fldcw %0\n\tldmxcsr %1" : : "m"(control), "m"(mxcsr));
    run_word("memory");
}

static int many(int left) {
    if (left == 0) return 0;
    char text[20];
    snprintf(text, sizeof text, "%d", left - 1);
    run((char *[]){"exec", "many", text, NULL}, environ);
    return 1;
}

int main(int argc, char **argv) {
    CHECK(realpath("/proc/self/exe", path));
    if (argc == 1 && argv[0][0] == 0) return 42; /* argv NULL */
    if (argc >= 2 && !strcmp(argv[1], "arguments")) return look_at_arguments(argc, argv), 0;
    if (argc == 2 && !strcmp(argv[1], "signals")) return look_at_signals(), 0;
    if (argc == 2 && !strcmp(argv[1], "files")) return look_at_files(), 0;
    if (argc == 2 && !strcmp(argv[1], "memory")) return look_at_memory(), 0;
    if (argc == 3 && !strcmp(argv[1], "many")) return many(atoi(argv[2]));

    pid_t pid = fork();
    if (pid == 0) run((char *[]){"a name", "arguments", "", "b c", "\xff", NULL}, (char *[]){"A=1", "no equals sign", NULL});
    CHECK(succeeds(pid));
    void (*leave[])(void) = {leave_signals, leave_files, leave_memory};
    for (int i = 0; i < 3; i++) {
        pid = fork();
        if (pid == 0) leave[i]();
        CHECK(succeeds(pid));
    }
    pid = fork(); /* the process stays the same */
    if (pid == 0) many(20);
    CHECK(succeeds(pid));
    pid = fork();
    if (pid == 0) execve(path, NULL, NULL);
    CHECK(WEXITSTATUS(status_of(pid)) == 42);

    char sizes[4096]; /* environment of many strings */
    char *envp[301];
    for (int i = 0; i < 300; i++) envp[i] = i ? sizes : "A=1";
    memset(sizes, 'x', sizeof sizes - 1), sizes[sizeof sizes - 1] = 0;
    envp[1] = "no equals sign", envp[2] = NULL;
    pid = fork();
    if (pid == 0) run((char *[]){"a name", "arguments", "", "b c", "\xff", NULL}, envp);
    CHECK(succeeds(pid));
}
