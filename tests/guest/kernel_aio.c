/* Asynchronous I/O of the kernel's (io_submit(2)), as libaio makes it: requests and events name each other by the guest's addresses. */
#include "children.h"
#include <linux/aio_abi.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/time.h>
#include <sys/uio.h>

enum { REQUESTS = 8, BLOCK = 512 };

static long setup(unsigned count, aio_context_t *context) { return syscall(SYS_io_setup, count, context); }
static long submit(aio_context_t context, long count, struct iocb **requests) {
    return syscall(SYS_io_submit, context, count, requests);
}
static long get(aio_context_t context, long least, long most, struct io_event *events, struct timespec *timeout) {
    return syscall(SYS_io_getevents, context, least, most, events, timeout);
}

static struct iocb request(int opcode, int fd, const void *buffer, size_t size, long offset) {
    return (struct iocb){.aio_lio_opcode = (uint16_t)opcode,
                         .aio_fildes = (uint32_t)fd,
                         .aio_buf = (uintptr_t)buffer,
                         .aio_nbytes = size,
                         .aio_offset = offset,
                         .aio_data = 0x1122334455667788,
                         .aio_key = 77};
}

/* The request is done, with this result. */
static void finishes(aio_context_t context, struct iocb *one, long result) {
    struct io_event event = {0};
    struct iocb before = *one;
    CHECK(submit(context, 1, &one) == 1);
    before.aio_key = 0;
    CHECK(!memcmp(one, &before, sizeof before));
    CHECK(get(context, 1, 1, &event, NULL) == 1);
    CHECK(event.obj == (uintptr_t)one && event.data == 0x1122334455667788 && event.res == result && event.res2 == 0);
}

static void refuses(aio_context_t context, struct iocb *one, int error) {
    struct iocb before = *one;
    CHECK_ERRNO(submit(context, 1, &one), error);
    before.aio_key = one->aio_key;
    CHECK(!memcmp(one, &before, sizeof before));
}

static void contexts(void) {
    aio_context_t context = 0, other = 0;
    CHECK_ERRNO(setup(0, &context), EINVAL);
    CHECK_ERRNO(setup(1, (void *)8), EFAULT);
    CHECK(setup(REQUESTS, &context) == 0 && context);
    CHECK_ERRNO(setup(REQUESTS, &context), EINVAL);     /* which is one already */
    CHECK(*(volatile unsigned *)context != 0xffffffff); /* libaio looks there */
    CHECK(setup(REQUESTS, &other) == 0 && other != context);
    CHECK(syscall(SYS_io_destroy, other) == 0);
    CHECK_ERRNO(syscall(SYS_io_destroy, other), EINVAL);
    CHECK_ERRNO(submit(other, 0, NULL), EINVAL);
    CHECK_ERRNO(get(other, 0, 1, NULL, NULL), EINVAL);
    CHECK_ERRNO(submit(context, -1, NULL), EINVAL);
    CHECK(submit(context, 0, NULL) == 0);
    CHECK_ERRNO(submit(context, 1, (void *)8), EFAULT);
    struct iocb *bad[2] = {(void *)8, NULL};
    CHECK_ERRNO(submit(context, 1, bad), EFAULT);
    CHECK_ERRNO(get(context, 2, 1, NULL, NULL), EINVAL);
    CHECK_ERRNO(get(context, -1, 1, NULL, NULL), EINVAL);
    struct timespec none = {0, 0};
    CHECK(get(context, 1, 1, NULL, &none) == 0);
    CHECK_ERRNO(get(context, 1, 1, NULL, (void *)8), EFAULT);
    CHECK(syscall(SYS_io_destroy, context) == 0);
}

static void files(aio_context_t context) {
    char block[BLOCK], back[BLOCK] = {0}, *end = end_of_pages(1);
    int fd = open("file", O_RDWR | O_CREAT | O_TRUNC, 0600);
    for (int i = 0; i < BLOCK; i++) block[i] = (char)i;
    struct iocb one = request(IOCB_CMD_PWRITE, fd, block, BLOCK, 100);
    finishes(context, &one, BLOCK);
    one = request(IOCB_CMD_PREAD, fd, back, BLOCK, 100);
    finishes(context, &one, BLOCK);
    CHECK(!memcmp(block, back, BLOCK));
    one = request(IOCB_CMD_PREAD, fd, back, BLOCK, 100 + BLOCK - 4);
    finishes(context, &one, 4);
    struct iovec parts[2] = {{block + 8, 8}, {block, 8}}, whole[1] = {{back, 16}};
    one = request(IOCB_CMD_PWRITEV, fd, parts, 2, 0);
    finishes(context, &one, 16);
    one = request(IOCB_CMD_PREADV, fd, whole, 1, 0);
    finishes(context, &one, 16);
    CHECK(!memcmp(back, block + 8, 8) && !memcmp(back + 8, block, 8));
    one = request(IOCB_CMD_PREAD, fd, end, 8, 0);
    finishes(context, &one, -EFAULT);
    one = request(IOCB_CMD_PWRITEV, fd, end, 1, 0);
    refuses(context, &one, EFAULT);
    one = request(IOCB_CMD_FSYNC, fd, NULL, 0, 0);
    finishes(context, &one, 0);
    one = request(IOCB_CMD_FDSYNC, fd, NULL, 0, 0);
    finishes(context, &one, 0);
    one = request(99, fd, NULL, 0, 0);
    refuses(context, &one, EINVAL);
    one = request(IOCB_CMD_PREAD, 999, back, 1, 0);
    refuses(context, &one, EBADF);
    one = request(IOCB_CMD_PREAD, fd, back, 1, 0), one.aio_reserved2 = 1;
    refuses(context, &one, EINVAL);

    /* Several at once, up to one that is refused. */
    struct iocb many[REQUESTS], *list[REQUESTS];
    for (int i = 0; i < REQUESTS; i++)
        many[i] = request(IOCB_CMD_PREAD, i == 5 ? 999 : fd, back + i, 1, 100 + i), list[i] = &many[i];
    CHECK(submit(context, REQUESTS, list) == 5);
    struct io_event events[REQUESTS];
    int seen = 0;
    for (long got = 0; seen != 31; got = 0) {
        CHECK((got = get(context, 1, REQUESTS, events, NULL)) > 0);
        while (got--) {
            long i = (struct iocb *)(uintptr_t)events[got].obj - many;
            CHECK(i >= 0 && i < 5 && events[got].res == 1 && back[i] == (char)i);
            seen |= 1 << i;
        }
    }
    close(fd);
}

static void *writes_late(void *end) {
    usleep(30000);
    CHECK(write(*(int *)end, "late", 4) == 4);
    return NULL;
}

static volatile int caught;
static void count(int number, siginfo_t *info, void *context) { (void)number, (void)info, (void)context, caught++; }

static void waits(aio_context_t context) {
    int ends[2], event = eventfd(0, 0);
    uint64_t told = 0;
    pthread_t thread;
    struct io_event done;
    CHECK(pipe(ends) == 0);
    struct iocb one = request(IOCB_CMD_POLL, ends[0], (void *)POLLIN, 0, 0), *list[1] = {&one};
    one.aio_flags = IOCB_FLAG_RESFD, one.aio_resfd = (uint32_t)event;
    CHECK(submit(context, 1, list) == 1);
    CHECK(get(context, 0, 1, &done, NULL) == 0);
    CHECK(pthread_create(&thread, NULL, writes_late, &ends[1]) == 0);
    CHECK(get(context, 1, 1, &done, NULL) == 1 && done.obj == (uintptr_t)&one && done.res & POLLIN);
    CHECK(pthread_join(thread, NULL) == 0 && read(event, &told, 8) == 8 && told == 1);
    char text[8];
    CHECK(read(ends[0], text, 8) == 4);

    /* A signal ends the wait; a mask holds it back. */
    struct timespec soon = {0, 20000000};
    sigset_t mask;
    struct {
        const sigset_t *mask;
        size_t size;
    } under = {&mask, 8};
    handle(SIGALRM, count, SA_RESTART);
    one = request(IOCB_CMD_POLL, ends[0], (void *)POLLIN, 0, 0);
    CHECK(submit(context, 1, list) == 1);
    const struct itimerval timer = {{0, 0}, {0, 10000}};
    CHECK(setitimer(ITIMER_REAL, &timer, NULL) == 0);
    CHECK_ERRNO(get(context, 1, 1, &done, NULL), EINTR);
    CHECK(caught == 1);
    sigfillset(&mask);
    CHECK(setitimer(ITIMER_REAL, &timer, NULL) == 0);
    CHECK(syscall(SYS_io_pgetevents, context, 1l, 1l, &done, &soon, &under) == 0 && caught == 2);
    block(SIG_BLOCK, SIGALRM);
    sigemptyset(&mask);
    CHECK(raise(SIGALRM) == 0);
    CHECK_ERRNO(syscall(SYS_io_pgetevents, context, 1l, 1l, &done, NULL, &under), EINTR);
    CHECK(caught == 3);
    block(SIG_UNBLOCK, SIGALRM);
    under.size = 7;
    CHECK_ERRNO(syscall(SYS_io_pgetevents, context, 1l, 1l, &done, &soon, &under), EINVAL);
    CHECK_ERRNO(syscall(SYS_io_pgetevents, context, 1l, 1l, &done, &soon, (void *)8), EFAULT);
    CHECK(syscall(SYS_io_pgetevents, context, 1l, 1l, &done, &soon, NULL) == 0);

    long result = syscall(SYS_io_cancel, context, &one, &done); /* its end is an event all the same */
    CHECK(result == -1 && errno == EINPROGRESS);
    CHECK(get(context, 1, 1, &done, NULL) == 1 && done.obj == (uintptr_t)&one);
    CHECK_ERRNO(syscall(SYS_io_cancel, context, &one, &done), EINVAL);
    close(ends[0]), close(ends[1]), close(event);
}

static aio_context_t context;

static int has_none_of_its_parent(void) {
    struct io_event event;
    aio_context_t own = 0;
    CHECK_ERRNO(get(context, 0, 1, &event, NULL), EINVAL);
    CHECK_ERRNO(syscall(SYS_io_destroy, context), EINVAL);
    CHECK(setup(1, &own) == 0);
    files(own);
    return 0;
}

static int executes(void) {
    aio_context_t own = 0;
    CHECK(setup(1, &own) == 0);
    execl("/proc/self/exe", "kernel_aio", "again", NULL);
    return 1;
}

int main(int argc, char **argv) {
    (void)argv;
    contexts();
    CHECK(setup(REQUESTS, &context) == 0);
    files(context);
    waits(context);
    if (argc > 1) return 0;
    CHECK(succeeds(start(has_none_of_its_parent)));
    CHECK(succeeds(start(executes)));
    return 0;
}
