/* clone and clone3: flags one by one, words that tell thread numbers, stack and TLS, and what makes no sense together. */
#include "children.h"
#include <linux/sched.h>
#include <poll.h>
#include <sys/stat.h>

static long clone3(struct clone_args *args, size_t size) { return syscall(SYS_clone3, args, size); }

static long raw_clone(unsigned long flags, void *stack, void *ptid, void *ctid, unsigned long tls) {
    return syscall(SYS_clone, flags, stack, ptid, ctid, tls);
}

static long with_flags(uint64_t flags, uint64_t exit_signal) {
    struct clone_args args = {.flags = flags, .exit_signal = exit_signal};
    long pid = clone3(&args, sizeof args);
    if (pid == 0) _exit(0);
    if (pid > 0) CHECK(waitpid(pid, NULL, __WALL) == pid);
    return pid;
}

static long legacy(unsigned long flags) {
    int ignored;
    long pid = raw_clone(flags, NULL, &ignored, &ignored, 0);
    if (pid == 0) _exit(0);
    if (pid > 0) CHECK(waitpid(pid, NULL, __WALL) == pid);
    return pid;
}

static void refused(void) {
    CHECK_ERRNO(with_flags(CLONE_THREAD, 0), EINVAL);
    CHECK_ERRNO(with_flags(CLONE_SIGHAND, SIGCHLD), EINVAL);
    CHECK_ERRNO(with_flags(CLONE_THREAD | CLONE_SIGHAND, 0), EINVAL);
    CHECK_ERRNO(with_flags(CLONE_VM | CLONE_SIGHAND | CLONE_THREAD, SIGCHLD), EINVAL);
    CHECK_ERRNO(with_flags(CLONE_VM | CLONE_SIGHAND | CLONE_CLEAR_SIGHAND, SIGCHLD), EINVAL);
    CHECK_ERRNO(with_flags(CLONE_FS | CLONE_NEWNS, SIGCHLD), EINVAL);
    CHECK_ERRNO(with_flags(CLONE_FS | CLONE_NEWUSER, SIGCHLD), EINVAL);
    CHECK_ERRNO(with_flags(CLONE_NEWIPC | CLONE_SYSVSEM, SIGCHLD), EINVAL);
    CHECK_ERRNO(with_flags(CLONE_DETACHED, SIGCHLD), EINVAL);
    CHECK_ERRNO(with_flags(CLONE_PARENT, SIGCHLD), EINVAL);
    CHECK_ERRNO(with_flags(1ull << 40, SIGCHLD), EINVAL);
    CHECK_ERRNO(with_flags(1, SIGCHLD), EINVAL);
    CHECK_ERRNO(with_flags(0, 65), EINVAL);
    CHECK_ERRNO(with_flags(0, 1ull << 32 | SIGCHLD), EINVAL);
    CHECK_ERRNO(with_flags(CLONE_INTO_CGROUP, SIGCHLD), EBADF);

    CHECK_ERRNO(legacy(CLONE_THREAD), EINVAL);
    CHECK_ERRNO(legacy(CLONE_SIGHAND | SIGCHLD), EINVAL);
    CHECK_ERRNO(legacy(CLONE_FS | CLONE_NEWNS | SIGCHLD), EINVAL);
    CHECK_ERRNO(legacy(CLONE_PIDFD | CLONE_PARENT_SETTID | SIGCHLD), EINVAL);
    CHECK_ERRNO(legacy(CLONE_PIDFD | CLONE_DETACHED | SIGCHLD), EINVAL);
    CHECK(legacy(CLONE_DETACHED | SIGCHLD) > 0);
    CHECK(legacy(CLONE_UNTRACED | CLONE_IO | CLONE_SYSVSEM | SIGCHLD) > 0);
    CHECK(legacy(1ul << 40 | SIGCHLD) > 0); /* the upper half is not looked at */
    CHECK(legacy(200) > 0);                 /* nor that this is no signal */

    char space[2 * PAGE] = {0};
    struct clone_args *args = (struct clone_args *)space;
    args->exit_signal = SIGCHLD;
    CHECK_ERRNO(clone3(args, 0), EINVAL);
    CHECK_ERRNO(clone3(args, 63), EINVAL);
    CHECK_ERRNO(clone3(args, PAGE + 1), E2BIG);
    space[1000] = 1;
    CHECK_ERRNO(clone3(args, 1001), E2BIG);
    CHECK_ERRNO(clone3(NULL, 64), EFAULT);
    CHECK_ERRNO(clone3((struct clone_args *)(end_of_pages(1) - 64), 65), EFAULT);
    *args = (struct clone_args){.exit_signal = SIGCHLD, .stack = (uintptr_t)space};
    CHECK_ERRNO(clone3(args, sizeof *args), EINVAL);
    *args = (struct clone_args){.exit_signal = SIGCHLD, .stack_size = PAGE};
    CHECK_ERRNO(clone3(args, sizeof *args), EINVAL);
    *args = (struct clone_args){.exit_signal = SIGCHLD, .stack = 1ull << 63, .stack_size = PAGE};
    CHECK_ERRNO(clone3(args, sizeof *args), EINVAL);
    *args = (struct clone_args){.exit_signal = SIGCHLD, .set_tid_size = 1};
    CHECK_ERRNO(clone3(args, sizeof *args), EINVAL);
    *args = (struct clone_args){.exit_signal = SIGCHLD, .set_tid = 8, .set_tid_size = 1};
    CHECK_ERRNO(clone3(args, sizeof *args), EFAULT);
    *args = (struct clone_args){.exit_signal = SIGCHLD, .flags = CLONE_INTO_CGROUP};
    CHECK_ERRNO(clone3(args, 80), EINVAL);
    *args = (struct clone_args){.exit_signal = SIGCHLD, .flags = CLONE_PIDFD, .pidfd = 8};
    CHECK_ERRNO(clone3(args, sizeof *args), EFAULT);
    *args = (struct clone_args){.exit_signal = SIGCHLD, .flags = CLONE_PARENT_SETTID | CLONE_CHILD_SETTID};
    long pid = clone3(args, 64); /* words that can't be written are not missed */
    if (pid == 0) _exit(0);
    CHECK(pid > 0 && succeeds(pid));
    CHECK_ERRNO(wait(NULL), ECHILD);
}

static void words(void) {
    volatile int *word = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    volatile int parents = -1, childs = -1;
    struct clone_args args = {
        .flags = CLONE_PARENT_SETTID | CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID,
        .parent_tid = (uintptr_t)&parents,
        .child_tid = (uintptr_t)&childs,
        .exit_signal = SIGCHLD,
    };
    long pid = clone3(&args, sizeof args);
    if (pid == 0) _exit(childs != getpid() || parents != -1);
    CHECK(pid > 0 && parents == pid && childs == -1 && succeeds(pid));

    *word = -1; /* memory that is not shared by CLONE_VM is not cleared at the end, though others see it */
    args.child_tid = (uintptr_t)word;
    pid = clone3(&args, sizeof args);
    if (pid == 0) _exit(0);
    CHECK(pid > 0 && succeeds(pid) && *word == pid);

    parents = childs = -1; /* clone names the words in another order */
    pid = raw_clone(CLONE_PARENT_SETTID | CLONE_CHILD_SETTID | SIGCHLD, NULL, (void *)&parents, (void *)&childs, 0);
    if (pid == 0) _exit(childs != getpid());
    CHECK(pid > 0 && parents == pid && childs == -1 && succeeds(pid));
}

static void pidfds(void) {
    int fd = -1;
    struct clone_args args = {.flags = CLONE_PIDFD, .pidfd = (uintptr_t)&fd, .exit_signal = SIGCHLD};
    long pid = clone3(&args, sizeof args);
    if (pid == 0) _exit(fcntl(fd, F_GETFD) == -1 ? 3 : 4); /* it is the parent's alone */
    CHECK(pid > 0 && fd >= 0 && fcntl(fd, F_GETFD) == FD_CLOEXEC);
    struct pollfd poll_fd = {fd, POLLIN, 0};
    CHECK(poll(&poll_fd, 1, 30000) == 1);
    siginfo_t info;
    CHECK(waitid(P_PIDFD, fd, &info, WEXITED) == 0 && info.si_pid == pid && info.si_status == 3);
    close(fd);

    int before = open("/dev/null", O_RDONLY), number = -1;
    close(before);
    pid = raw_clone(CLONE_PIDFD | CLONE_VFORK | SIGCHLD, NULL, &number, NULL, 0);
    if (pid == 0) _exit(0);
    CHECK(pid > 0 && number == before && succeeds(pid)); /* the lowest number that is free */
    close(number);
}

static volatile int seen;

static void on_signal(int number, siginfo_t *info, void *context) {
    (void)info, (void)context;
    seen = number;
}

static void exit_signals(void) {
    handle(SIGUSR1, on_signal, SA_RESTART);
    CHECK(with_flags(0, SIGUSR1) > 0 && seen == SIGUSR1);
    seen = 0;
    CHECK(with_flags(0, 0) > 0 && seen == 0);

    struct clone_args args = {.exit_signal = SIGUSR1}; /* not SIGCHLD: a "clone child" to wait */
    long pid = clone3(&args, sizeof args);
    if (pid == 0) _exit(0);
    CHECK_ERRNO(waitpid(pid, NULL, 0), ECHILD);
    CHECK(waitpid(pid, NULL, __WCLONE) == pid);

    handle(SIGUSR2, on_signal, 0);
    signal(SIGHUP, SIG_IGN);
    struct clone_args clear = {.flags = CLONE_CLEAR_SIGHAND, .exit_signal = SIGCHLD};
    pid = clone3(&clear, sizeof clear);
    if (pid == 0) {
        struct sigaction action;
        CHECK(sigaction(SIGUSR2, NULL, &action) == 0 && action.sa_handler == SIG_DFL);
        CHECK(sigaction(SIGHUP, NULL, &action) == 0 && action.sa_handler == SIG_IGN);
        raise(SIGUSR2);
        _exit(0);
    }
    CHECK(dies_of(pid, SIGUSR2));
}

static int argument;
static int on_own_stack(void *given) {
    volatile char *here = __builtin_frame_address(0);
    argument = 1;
    char *stack = given;
    return here > stack && here < stack + 16 * PAGE ? 42 : 1;
}

static void stack_and_tls(void) {
    char *stack = malloc(16 * PAGE);
    int pid = clone(on_own_stack, stack + 16 * PAGE, SIGCHLD, stack); /* glibc's */
    CHECK(pid > 0 && WEXITSTATUS(status_of(pid)) == 42 && argument == 0);

    static long block_[64];
    block_[0] = (long)block_, block_[5] = 0x7777;
    struct clone_args args = {.flags = CLONE_SETTLS, .tls = (uintptr_t)block_, .exit_signal = SIGCHLD};
    long result = clone3(&args, sizeof args);
    if (result == 0) {
        long word;
        __asm__ volatile("mov %%fs:40, %0" : "=r"(word));
        __asm__ volatile("syscall" : : "a"(SYS_exit_group), "D"(word == 0x7777 ? 0 : 1));
    }
    CHECK(result > 0 && succeeds(result));
}

static void shared_state(void) {
    CHECK(mkdir("folder", 0755) == 0);
    pid_t pid = raw_clone(CLONE_FS | SIGCHLD, NULL, NULL, NULL, 0);
    if (pid == 0) {
        umask(0123);
        _exit(chdir("folder"));
    }
    char here[PATH_MAX];
    CHECK(succeeds(pid) && getcwd(here, sizeof here) && strstr(here, "/folder") && umask(022) == 0123);

    int tube[2]; /* CLONE_PARENT: the grandchild is this process's child */
    CHECK(pipe(tube) == 0);
    pid = fork();
    if (pid == 0) {
        pid_t inner = raw_clone(CLONE_PARENT | SIGUSR1, NULL, NULL, NULL, 0);
        if (inner == 0) _exit(7);
        CHECK(write(tube[1], &inner, sizeof inner) == sizeof inner);
        CHECK_ERRNO(waitpid(inner, NULL, __WALL), ECHILD);
        _exit(0);
    }
    pid_t inner;
    CHECK(read(tube[0], &inner, sizeof inner) == sizeof inner && succeeds(pid));
    CHECK(WEXITSTATUS(status_of(inner)) == 7);
}

int main(void) {
    refused();
    words();
    pidfds();
    exit_signals();
    stack_and_tls();
    shared_state();
}
