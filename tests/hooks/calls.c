/* Makes the calls that its arguments name, one after the other, and prints what comes of each. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

static void parent(void) { printf("parent %ld\n", syscall(SYS_getppid)); }

static void file(const char *path) {
    char text[64] = "";
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        printf("file %s: %s\n", path, strerror(errno));
        return;
    }
    ssize_t size = read(fd, text, sizeof text - 1);
    printf("file %s: %zd %s\n", path, size, text);
    close(fd);
}

static void name(void) {
    struct utsname u;
    uname(&u);
    printf("name %s\n", u.nodename);
}

static void children(int count) {
    for (int i = 0; i < count; i++) {
        pid_t pid = fork();
        if (!pid) {
            long parent = syscall(SYS_getppid);
            _exit(parent == 42 ? 0 : 1);
        }
        int status;
        waitpid(pid, &status, 0);
        printf("child %d\n", WEXITSTATUS(status));
    }
}

static void vforked(char *self) {
    pid_t pid = vfork();
    if (!pid) {
        execl(self, self, "parent", NULL);
        _exit(9);
    }
    int status;
    waitpid(pid, &status, 0);
    printf("vforked %d\n", WEXITSTATUS(status));
}

static void *body(void *answers) {
    for (int i = 0; i < 50; i++) *(long *)answers += syscall(SYS_getppid) == 42;
    return NULL;
}

static void threads(int count) {
    pthread_t thread[64];
    long answers[64] = {0}, all = 0;
    for (int i = 0; i < count; i++) pthread_create(&thread[i], NULL, body, &answers[i]);
    for (int i = 0; i < count; i++) pthread_join(thread[i], NULL), all += answers[i];
    printf("threads %ld\n", all);
}

static void answer(void) {
    long result = syscall(SYS_getppid);
    printf("answer %ld\n", result < 0 ? -errno : result);
}

static void named(void) {
    struct utsname u;
    printf("named %d\n", uname(&u) ? -errno : 0);
}

static volatile int signals;
static void on_signal(int number) {
    (void)number;
    signals++;
}

static volatile int alarms;
static void on_alarm(int number) {
    (void)number;
    alarms++;
}

/* Calls that a timer's signals come in between. */
static void storm(int count) {
    struct sigaction action = {.sa_handler = on_alarm, .sa_flags = SA_RESTART};
    sigaction(SIGALRM, &action, NULL);
    struct itimerval often = {{0, 500}, {0, 500}}, never = {{0, 0}, {0, 0}};
    setitimer(ITIMER_REAL, &often, NULL);
    int right = 0;
    for (int i = 0; i < count; i++) right += syscall(SYS_getppid) == 42;
    setitimer(ITIMER_REAL, &never, NULL);
    printf("storm %d %s\n", right, alarms ? "disturbed" : "calm");
}

static sigjmp_buf before;
static void jump(int number) {
    (void)number;
    alarms++;
    siglongjmp(before, 1);
}

/* A read(2) of standard input that a signal's handler leaves each time. */
static void jumps(int count) {
    struct sigaction action = {.sa_handler = jump, .sa_flags = SA_RESTART};
    struct itimerval soon = {{0, 0}, {0, 20000}};
    char byte;
    int pipes[2];
    pipe(pipes);
    dup2(pipes[0], 0);
    sigaction(SIGALRM, &action, NULL);
    sigsetjmp(before, 1);
    if (alarms < count) {
        setitimer(ITIMER_REAL, &soon, NULL);
        read(0, &byte, 1);
    }
    printf("jumps %d\n", alarms);
}

/* A readv(2) that signals come in between before there is something to read. */
static int waits_end, waits_wanted;
static const struct itimerval soon = {{0, 0}, {0, 20000}};
static void on_wait(int number) {
    (void)number;
    if (++alarms == waits_wanted)
        write(waits_end, "x", 1);
    else
        setitimer(ITIMER_REAL, &soon, NULL);
}
static void waits(int count) {
    struct sigaction action = {.sa_handler = on_wait, .sa_flags = SA_RESTART};
    int pipes[2];
    char byte = 0;
    pipe(pipes);
    waits_end = pipes[1], waits_wanted = count;
    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &soon, NULL);
    ssize_t size = readv(pipes[0], &(struct iovec){&byte, 1}, 1);
    printf("waits %zd %c\n", size, byte);
}

/* Registers that Linux promises to keep, around a call whose arguments a hook changes. */
static void kept(void) {
    register long r10 __asm__("r10") = 0x1010, r8 __asm__("r8") = 0x88, r9 __asm__("r9") = 0x99;
    long rdi = 0xd1, rsi = 0x51, rdx = 0xd2, rax = SYS_getppid;
    __asm__ volatile("syscall"
                     : "+a"(rax), "+D"(rdi), "+S"(rsi), "+d"(rdx), "+r"(r10), "+r"(r8), "+r"(r9)::"rcx", "r11", "memory");
    printf("kept %lx %lx %lx %lx %lx %lx\n", rdi, rsi, rdx, r10, r8, r9);
}

int main(int argc, char **argv) {
    setvbuf(stdout, NULL, _IOLBF, 0);
    for (int i = 1; i < argc; i++) {
        char *value = strchr(argv[i], '=');
        if (value) *value++ = 0;
        if (!strcmp(argv[i], "parent")) parent();
        if (!strcmp(argv[i], "file")) file(value);
        if (!strcmp(argv[i], "answer")) answer();
        if (!strcmp(argv[i], "named")) named();
        if (!strcmp(argv[i], "count")) signal(SIGUSR1, on_signal);
        if (!strcmp(argv[i], "counted")) printf("counted %d\n", signals);
        if (!strcmp(argv[i], "name")) name();
        if (!strcmp(argv[i], "children")) children(atoi(value));
        if (!strcmp(argv[i], "vforked")) vforked(argv[0]);
        if (!strcmp(argv[i], "threads")) threads(atoi(value));
        if (!strcmp(argv[i], "storm")) storm(atoi(value));
        if (!strcmp(argv[i], "jumps")) jumps(atoi(value));
        if (!strcmp(argv[i], "waits")) waits(atoi(value));
        if (!strcmp(argv[i], "kept")) kept();
        if (!strcmp(argv[i], "write")) write(1, value, strlen(value)), write(1, "\n", 1);
        if (!strcmp(argv[i], "segv")) raise(SIGSEGV);
        if (!strcmp(argv[i], "exit")) exit(atoi(value));
        if (!strcmp(argv[i], "exec")) execl(argv[0], argv[0], value, NULL);
    }
    return 0;
}
