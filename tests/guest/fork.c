/* fork: what a child inherits, what it does not, and that neither sees what the other does from then on. */
#include "children.h"
#include <sys/resource.h>
#include <sys/time.h>
#include <time.h>

static volatile int data = 1;
static volatile int caught;
static char *heap, *mapped, *shared, *left_out, *wiped;
static int *file_of_one;
static __thread int local = 5;
static int offset_fd, cloexec_fd;

static void on_signal(int number, siginfo_t *info, void *context) {
    (void)info, (void)context;
    caught = number;
}

static int child(void) {
    CHECK(getpid() != getppid() && data == 1 && local == 5);
    CHECK(!strcmp(heap, "heap") && !strcmp(mapped, "mapped") && !strcmp(shared, "shared"));
    CHECK(!kernel_reads(left_out) && wiped[0] == 0);
    data = 2, local = 6;
    strcpy(heap, "child"), strcpy(mapped, "child"), strcpy(shared, "child");
    *file_of_one = 7;

    char byte; /* the file's offset is shared */
    CHECK(read(offset_fd, &byte, 1) == 1 && byte == 'b');
    CHECK(fcntl(cloexec_fd, F_GETFD) == FD_CLOEXEC);

    /* Pending signals, alarms and locks stay behind; mask, handlers and the alternate stack come along. */
    CHECK(!is_pending(SIGUSR2) && alarm(0) == 0);
    sigset_t mask;
    CHECK(sigprocmask(SIG_SETMASK, NULL, &mask) == 0 && sigismember(&mask, SIGUSR2) && !sigismember(&mask, SIGUSR1));
    raise(SIGUSR1);
    CHECK(caught == SIGUSR1);
    stack_t stack;
    CHECK(sigaltstack(NULL, &stack) == 0 && stack.ss_size == (size_t)SIGSTKSZ && !stack.ss_flags);
    struct itimerval timer;
    CHECK(getitimer(ITIMER_REAL, &timer) == 0 && timer.it_value.tv_sec == 0 && timer.it_value.tv_usec == 0);
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 1};
    CHECK(fcntl(offset_fd, F_GETLK, &lock) == 0 && lock.l_type == F_WRLCK && lock.l_pid == getppid());
    CHECK_ERRNO(mlockall(0), EINVAL);

    struct rusage usage;
    CHECK(getrusage(RUSAGE_CHILDREN, &usage) == 0 && usage.ru_utime.tv_sec == 0 && usage.ru_utime.tv_usec == 0);
    CHECK_ERRNO(wait(NULL), ECHILD); /* the parent's children are not its own */
    return 0;
}

static int tree(int depth) {
    pid_t pids[2];
    if (depth == 0) return 1;
    for (int i = 0; i < 2; i++) {
        pids[i] = fork();
        CHECK(pids[i] >= 0);
        if (pids[i] == 0) _exit(tree(depth - 1));
    }
    int sum = 0;
    for (int i = 0; i < 2; i++) sum += WEXITSTATUS(status_of(pids[i]));
    return sum;
}

static int keeps_registers(void) {
    double x = 1.0 / 3, y = 2.0 / 3;
    long a = 0x1234567890, b = getpid();
    __asm__ volatile("" : "+x"(x), "+x"(y), "+r"(a), "+r"(b));
    unsigned short control = 0x27f;
    __asm__ volatile("fldcw %0" : : "m"(control));
    pid_t pid = fork();
    __asm__ volatile("fnstcw %0" : "=m"(control));
    if (x != 1.0 / 3 || y != 2.0 / 3 || a != 0x1234567890 || control != 0x27f) _exit(1);
    if (pid == 0) _exit(b == getpid());
    control = 0x37f;
    __asm__ volatile("fldcw %0" : : "m"(control));
    return succeeds(pid);
}

int main(void) {
    heap = malloc(100), strcpy(heap, "heap");
    mapped = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), strcpy(mapped, "mapped");
    shared = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0), strcpy(shared, "shared");
    left_out = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), left_out[0] = 1;
    wiped = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), wiped[0] = 1;
    CHECK(madvise(left_out, PAGE, MADV_DONTFORK) == 0 && madvise(wiped, PAGE, MADV_WIPEONFORK) == 0);
    offset_fd = make_file("file", "abcd", 4);
    char byte;
    CHECK(read(offset_fd, &byte, 1) == 1);
    CHECK((cloexec_fd = open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0);
    int one_fd = make_file("one", "\0\0\0\0", 4);
    file_of_one = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, one_fd, 0);
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 1};
    CHECK(fcntl(offset_fd, F_SETLK, &lock) == 0);

    handle(SIGUSR1, on_signal, 0);
    block(SIG_BLOCK, SIGUSR2);
    raise(SIGUSR2);
    CHECK(is_pending(SIGUSR2));
    stack_t stack = {malloc(SIGSTKSZ), 0, SIGSTKSZ};
    CHECK(sigaltstack(&stack, NULL) == 0);
    alarm(1000);

    CHECK(succeeds(start(child)));
    CHECK(data == 1 && local == 5 && !strcmp(heap, "heap") && !strcmp(mapped, "mapped") && !strcmp(shared, "child"));
    CHECK(*file_of_one == 7 && pread(one_fd, &byte, 1, 0) == 1 && byte == 7);
    CHECK(lseek(offset_fd, 0, SEEK_CUR) == 2);
    CHECK(!caught && is_pending(SIGUSR2) && alarm(0) > 900);
    CHECK(left_out[0] == 1 && wiped[0] == 1);

    CHECK(tree(4) == 16);
    CHECK(keeps_registers());
    for (int i = 0; i < 30; i++) { /* one after the other, each sees what the one before has left */
        pid_t pid = fork();
        CHECK(pid >= 0);
        if (pid == 0) _exit(data == 1 && shared[100] == i ? (shared[100]++, 0) : 1);
        CHECK(succeeds(pid));
    }
}
