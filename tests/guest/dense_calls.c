/* Calls that follow each other closely, which may be served without leaving the guest (docs/exitless.md): what they give, whoever
 * serves them, and what changes meanwhile who the process is, what it has, or where it is. */
#include "children.h"
#include <dirent.h>
#include <linux/close_range.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>

enum { WARM = 200, ROUNDS = 1000 };

static int file; /* of PAGE bytes, each with its offset's lowest 8 bits */

static void warm_up(void) {
    for (int i = 0; i < WARM; i++) CHECK(lseek(file, i, SEEK_SET) == i);
}

static void open_file(void) {
    uint8_t text[PAGE];
    for (int i = 0; i < PAGE; i++) text[i] = (uint8_t)i;
    CHECK((file = open("file", O_RDWR | O_CREAT | O_TRUNC, 0600)) >= 0);
    CHECK(write(file, text, PAGE) == PAGE);
}

static void a_file_is_read_and_written(void) {
    uint8_t text[32], *end = (uint8_t *)end_of_pages(1);
    int copy = open("copy", O_RDWR | O_CREAT | O_TRUNC, 0600);
    struct stat status;
    CHECK(copy >= 0);
    for (int i = 0; i < ROUNDS; i++) {
        int at = i % (PAGE - 32);
        CHECK(lseek(file, at, SEEK_SET) == at);
        CHECK(read(file, text, 16) == 16 && text[0] == (uint8_t)at && text[15] == (uint8_t)(at + 15));
        CHECK(pread(file, text, 8, at + 1) == 8 && text[0] == (uint8_t)(at + 1));
        CHECK(write(copy, text, 8) == 8 && pwrite(copy, text + 1, 1, i * 8) == 1);
        CHECK(fstat(copy, &status) == 0 && status.st_size == (i + 1) * 8);
        CHECK(stat("copy", &status) == 0 && status.st_size == (i + 1) * 8);
        CHECK(access("copy", R_OK) == 0);
        CHECK(pread(file, end - 4, 8, 0) == 4 && end[-1] == 3); /* what there is room for */
        CHECK_ERRNO(pread(file, end, 8, 0), EFAULT);
        CHECK_ERRNO(write(copy, end, 8), EFAULT);
        CHECK_ERRNO(read(77, text, 1), EBADF);
        CHECK_ERRNO(lseek(file, -1, SEEK_SET), EINVAL);
        CHECK_ERRNO(stat("none", &status), ENOENT);
        CHECK_ERRNO(stat((char *)end, &status), EFAULT);
        memcpy(end - 5, "copy", 5);
        CHECK(access((char *)end - 5, F_OK) == 0);
    }
    CHECK(close(copy) == 0);
}

static void files_are_opened_and_closed(void) {
    char entries[2048];
    struct stat status, other;
    CHECK(mkdir("listed", 0700) == 0 && symlink("file", "link") == 0);
    for (int i = 0; i < ROUNDS; i++) {
        int fd = open("file", O_RDONLY | (i % 2 ? O_CLOEXEC : 0)), folder = open("listed", O_RDONLY | O_DIRECTORY);
        CHECK(fd > file && folder == fd + 1);
        CHECK(lseek(fd, 0, SEEK_CUR) == 0 && fstat(fd, &status) == 0 && status.st_size == PAGE);
        CHECK(syscall(SYS_getdents64, folder, entries, sizeof entries) == 48); /* of . and .. */
        CHECK(syscall(SYS_getdents64, folder, entries, sizeof entries) == 0);
        CHECK_ERRNO(open("none", O_RDONLY), ENOENT);
        CHECK_ERRNO(open("file", O_RDONLY | O_DIRECTORY), ENOTDIR);
        CHECK_ERRNO(open("link", O_RDONLY | O_NOFOLLOW), ELOOP);
        CHECK_ERRNO(open("listed", O_WRONLY), EISDIR);
        CHECK_ERRNO(readlink("file", entries, 8), EINVAL);
        CHECK_ERRNO(readlinkat(folder, "none", entries, 8), ENOENT);
        CHECK_ERRNO(readlink("link", entries, 0), EINVAL);
        CHECK(fcntl(fd, F_GETFD) == (i % 2 ? FD_CLOEXEC : 0));
        CHECK((fcntl(fd, F_GETFL) & (O_ACCMODE | O_NONBLOCK)) == O_RDONLY);
        CHECK(close(fd) == 0 && close(folder) == 0);
        CHECK_ERRNO(close(fd), EBADF);
        CHECK((fd = open("file", O_RDONLY | O_NONBLOCK)) >= 0 && fcntl(fd, F_GETFL) & O_NONBLOCK && close(fd) == 0);
        if (i % 64) continue; /* these take longer */
        CHECK(readlink("link", entries, 8) == 4 && !memcmp(entries, "file", 4) && readlink("/proc/self", entries, 8) > 0);
        CHECK(atoi(entries) == getpid() && readlink("/proc/thread-self", entries, 64) > 0);
        CHECK(atoi(strstr(entries, "task/") + 5) == gettid());
        snprintf(entries, sizeof entries, "/proc/self/task/%d", gettid());
        CHECK(stat(entries, &status) == 0 && stat("/proc/thread-self/", &other) == 0 && status.st_ino == other.st_ino);
        CHECK((fd = open("made", O_WRONLY | O_CREAT | O_EXCL, 0640)) >= 0 && fstat(fd, &status) == 0 && close(fd) == 0);
        CHECK(status.st_mode == (S_IFREG | 0640) && unlink("made") == 0);
    }
}

static int opens_a_fifo(void) { return open("fifo", O_WRONLY) < 0; }

/* Its opening waits for the other end. */
static void a_fifo_is_opened(void) {
    CHECK(mkfifo("fifo", 0600) == 0);
    for (int i = 0; i < 20; i++) {
        pid_t pid = start(opens_a_fifo);
        warm_up();
        int fd = open("fifo", O_RDONLY);
        CHECK(fd >= 0 && close(fd) == 0 && succeeds(pid));
    }
}

static void no_register_is_changed(void) {
    for (int i = 0; i < ROUNDS; i++) {
        register long r10 asm("r10") = 0x1010, r8 asm("r8") = 0x0808, r9 asm("r9") = 0x0909, r12 asm("r12") = 0x1212,
                          rbx asm("rbx") = 0xbb;
        long rax = SYS_lseek, rdi = file, rsi = i, rdx = SEEK_SET;
        asm volatile("syscall"
                     : "+a"(rax), "+D"(rdi), "+S"(rsi), "+d"(rdx), "+r"(r10), "+r"(r8), "+r"(r9), "+r"(r12), "+r"(rbx)
                     :
                     : "rcx", "r11", "memory");
        CHECK(r10 == 0x1010 && r8 == 0x0808 && r9 == 0x0909 && r12 == 0x1212 && rbx == 0xbb);
        CHECK(rax == i && rdi == file && rsi == i && rdx == SEEK_SET);
    }
}

/* ---- what may wait, or raises a signal ---- */

static volatile int caught;

static void count(int number, siginfo_t *info, void *context) {
    (void)number, (void)info, (void)context;
    caught++;
}

static void pipes(void) {
    int ends[2];
    char byte = 'x', text[8];
    handle(SIGPIPE, count, 0);
    CHECK(pipe(ends) == 0);
    for (int i = 0; i < ROUNDS; i++) CHECK(write(ends[1], &byte, 1) == 1 && read(ends[0], &byte, 1) == 1 && byte == 'x');
    CHECK(fcntl(ends[0], F_SETFL, O_NONBLOCK) == 0);
    for (int i = 0; i < WARM; i++) CHECK_ERRNO(read(ends[0], &byte, 1), EAGAIN);
    CHECK(fcntl(ends[0], F_SETFL, 0) == 0);
    for (int i = 0; i < 5; i++) {
        pid_t pid = fork();
        CHECK(pid >= 0);
        if (pid == 0) {
            usleep(20000);
            _exit(write(ends[1], "late", 4) != 4);
        }
        warm_up();
        CHECK(read(ends[0], text, 8) == 4 && !memcmp(text, "late", 4));
        CHECK(succeeds(pid));
    }
    close(ends[0]);
    for (int i = 0; i < 20; i++) {
        warm_up();
        caught = 0;
        CHECK_ERRNO(write(ends[1], &byte, 1), EPIPE);
        CHECK(caught == 1);
    }
    close(ends[1]);
}

static int file_grows_too_large(void) {
    const struct rlimit limit = {100, 100};
    int grows = open("grows", O_WRONLY | O_CREAT | O_TRUNC, 0600);
    handle(SIGXFSZ, count, 0);
    CHECK(setrlimit(RLIMIT_FSIZE, &limit) == 0);
    for (int i = 0; i < 50; i++) CHECK(write(grows, "12", 2) == 2);
    for (int i = 0; i < WARM; i++) {
        caught = 0;
        CHECK_ERRNO(write(grows, "12", 2), EFBIG);
        CHECK(caught == 1);
    }
    return 0;
}

static void other_descriptors(void) {
    uint64_t number = 1;
    int event = eventfd(0, 0), pair[2];
    struct signalfd_siginfo info;
    sigset_t set;
    char byte = 'y';
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
    for (int i = 0; i < ROUNDS; i++) {
        CHECK(write(event, &number, 8) == 8 && read(event, &number, 8) == 8 && number == 1);
        CHECK(write(pair[0], &byte, 1) == 1 && read(pair[1], &byte, 1) == 1 && byte == 'y');
    }
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    block(SIG_BLOCK, SIGUSR1);
    int signals = signalfd(-1, &set, SFD_NONBLOCK);
    for (int i = 0; i < WARM; i++) {
        CHECK_ERRNO(read(signals, &info, sizeof info), EAGAIN);
        CHECK((i % 2 ? kill(getpid(), SIGUSR1) : raise(SIGUSR1)) == 0);
        CHECK(read(signals, &info, sizeof info) == sizeof info && info.ssi_signo == SIGUSR1);
    }
    block(SIG_UNBLOCK, SIGUSR1);
    close(event), close(pair[0]), close(pair[1]), close(signals);
}

/* As before it, in the same place, was a stored one. Waiting for the new one ends by a signal. */
static void a_number_is_another_file(void) {
    const struct itimerval soon = {{0, 0}, {0, 20000}};
    int ends[2];
    char byte;
    CHECK(pipe(ends) == 0);
    handle(SIGALRM, count, 0);
    for (int i = 0; i < 5; i++) {
        CHECK(dup2(file, 50) == 50);
        for (int j = 0; j < WARM; j++) CHECK(lseek(50, j, SEEK_SET) == j && read(50, &byte, 1) == 1 && byte == (char)j);
        CHECK(dup2(ends[0], 50) == 50);
        CHECK(setitimer(ITIMER_REAL, &soon, NULL) == 0);
        CHECK_ERRNO(read(50, &byte, 1), EINTR);
    }
    close(50), close(ends[0]), close(ends[1]);
}

static void signals_come_between(void) {
    const struct itimerval often = {{0, 300}, {0, 300}}, never = {{0, 0}, {0, 0}};
    handle(SIGALRM, count, SA_RESTART);
    caught = 0;
    CHECK(setitimer(ITIMER_REAL, &often, NULL) == 0);
    for (int i = 0; i < 10 * ROUNDS || caught < 20; i++) {
        uint8_t byte;
        CHECK(lseek(file, i % PAGE, SEEK_SET) == i % PAGE);
        CHECK(read(file, &byte, 1) == 1 && byte == (uint8_t)(i % PAGE));
    }
    CHECK(setitimer(ITIMER_REAL, &never, NULL) == 0);
}

/* ---- processes and threads ---- */

/* A file of its own: offsets are shared with children. */
static void reopen(void) { CHECK(dup2(open("file", O_RDONLY), file) == file); }

static int calls_and_ends(void) {
    reopen();
    warm_up();
    return 0;
}

static int ends_as_a_thread_does(void) {
    calls_and_ends();
    syscall(SYS_exit, 0);
    return 1;
}

static int calls_for_ever(void) {
    for (reopen();; warm_up()) {}
    return 1;
}

static void children(void) {
    for (int i = 0; i < 40; i++) {
        warm_up();
        pid_t pid = start(i % 2 ? calls_and_ends : ends_as_a_thread_does);
        reopen();
        warm_up();
        CHECK(succeeds(pid));
    }
    for (int i = 0; i < 10; i++) {
        pid_t pid = start(calls_for_ever);
        reopen();
        usleep(3000);
        CHECK(kill(pid, SIGKILL) == 0 && dies_of(pid, SIGKILL));
    }
}

static void *thread_calls(void *argument) {
    int own = open("file", O_RDONLY);
    for (int i = 0; i < ROUNDS; i++) CHECK(lseek(own, i, SEEK_SET) == i);
    close(own);
    return argument;
}

static int tasks(pid_t pid) {
    char name[40];
    int count = 0;
    snprintf(name, sizeof name, "/proc/%d/task", pid);
    DIR *folder = opendir(name);
    CHECK(folder);
    for (struct dirent *entry; (entry = readdir(folder));) count += entry->d_name[0] != '.';
    closedir(folder);
    return count;
}

static int parent_has_one(void) { return tasks(getppid()) != 1; }

static void threads(void) {
    pthread_t thread;
    for (int i = 0; i < 5; i++) {
        warm_up();
        CHECK(pthread_create(&thread, NULL, thread_calls, NULL) == 0);
        warm_up();
        CHECK(pthread_join(thread, NULL) == 0);
    }
    warm_up();
    while (tasks(getpid()) != 1) usleep(1000); /* a thread that was joined is still ending */
    CHECK(succeeds(start(parent_has_one)));
}

/* ---- what belongs to the thread that calls ---- */

static int has_other_rights(void) {
    struct stat status;
    if (geteuid()) return 0;
    CHECK(mkdir("closed", 0700) == 0 && mkdir("closed/inner", 0700) == 0 && chmod(".", 0755) == 0);
    for (int i = 0; i < 5; i++) {
        warm_up();
        CHECK(stat("closed/inner", &status) == 0);
        CHECK(seteuid(65534) == 0);
        for (int k = 0; k < WARM; k++) CHECK_ERRNO(stat("closed/inner", &status), EACCES);
        CHECK(seteuid(0) == 0);
        for (int k = 0; k < WARM; k++) CHECK(stat("closed/inner", &status) == 0);
    }
    return 0;
}

static int is_elsewhere(void) {
    struct stat status;
    CHECK(mkdir("folder", 0700) == 0 && close(open("folder/only_there", O_WRONLY | O_CREAT, 0600)) == 0);
    warm_up();
    if (unshare(CLONE_FS)) CHECK(errno == EPERM);
    warm_up();
    CHECK(chdir("folder") == 0);
    for (int i = 0; i < WARM; i++) CHECK(stat("only_there", &status) == 0);
    CHECK(chdir("..") == 0);
    for (int i = 0; i < WARM; i++) CHECK_ERRNO(stat("only_there", &status), ENOENT);
    return 0;
}

static int has_descriptors_of_its_own(void) {
    warm_up();
    CHECK(close_range(5000, 5000, CLOSE_RANGE_UNSHARE) == 0);
    warm_up();
    int own = dup(file);
    for (int i = 0; i < WARM; i++) CHECK(lseek(own, i, SEEK_SET) == i);
    close(own);
    for (int i = 0; i < WARM; i++) CHECK_ERRNO(lseek(own, i, SEEK_SET), EBADF);
    return 0;
}

static int has_one_cpu(void) {
    cpu_set_t one, all;
    CHECK(sched_getaffinity(0, sizeof all, &all) == 0);
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        if (!CPU_ISSET(cpu, &all)) continue;
        CPU_ZERO(&one);
        CPU_SET(cpu, &one);
        warm_up();
        CHECK(sched_setaffinity(0, sizeof one, &one) == 0);
        for (int i = 0; i < 5; i++) warm_up();
    }
    return 0;
}

static int is_in_a_namespace(void) {
    warm_up();
    if (unshare(CLONE_NEWUSER)) CHECK(errno == EPERM || errno == ENOSPC);
    warm_up();
    return 0;
}

static void run(int (*part)(void)) { CHECK(succeeds(start(part))); }

int main(int argc, char **argv) {
    umask(022);
    open_file();
    if (argc > 1) return calls_and_ends();
    a_file_is_read_and_written();
    files_are_opened_and_closed();
    a_fifo_is_opened();
    no_register_is_changed();
    pipes();
    run(file_grows_too_large);
    other_descriptors();
    a_number_is_another_file();
    signals_come_between();
    children();
    threads();
    run(has_other_rights);
    run(is_elsewhere);
    run(has_descriptors_of_its_own);
    run(has_one_cpu);
    run(is_in_a_namespace);
    warm_up();
    execl("/proc/self/exe", argv[0], "again", NULL);
    return 1;
}
