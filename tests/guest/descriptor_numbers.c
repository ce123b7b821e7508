/* Descriptors get the lowest free number, however many there are and whatever makes them. */
#include "check.h"

#include <pthread.h>
#include <stdbool.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>

enum { MANY = 3000, AT_ONCE = 250 };

static int next;

static void by_dup(int until) {
    while (next < until) CHECK(dup(0) == next), next++;
}

static void by_open(int until) {
    while (next < until) CHECK(open("/dev/null", O_RDONLY) == next), next++;
}

static void by_pipes(int until) {
    for (int ends[2]; next < until; next += 2) CHECK(pipe(ends) == 0 && ends[0] == next && ends[1] == next + 1);
}

static void by_pairs(int until) {
    for (int ends[2]; next < until; next += 2)
        CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0 && ends[0] == next && ends[1] == next + 1);
}

static void by_messages(int until) {
    int pair[2], fds[AT_ONCE] = {0};
    union {
        char bytes[CMSG_SPACE(sizeof fds)];
        struct cmsghdr header;
    } control = {.header = {.cmsg_len = CMSG_LEN(sizeof fds), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS}};
    char byte = 0;
    struct iovec data = {&byte, 1};
    struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0 && pair[1] == next + 1);
    next += 2;
    for (; next < until; next += AT_ONCE) {
        memset(fds, 0, sizeof fds);
        memcpy(CMSG_DATA(&control.header), fds, sizeof fds);
        CHECK(sendmsg(pair[0], &message, 0) == 1 && recvmsg(pair[1], &message, 0) == 1);
        memcpy(fds, CMSG_DATA(&control.header), sizeof fds);
        for (int i = 0; i < AT_ONCE; i++) CHECK(fds[i] == next + i);
    }
}

static void all_are_open(void) {
    for (int fd = 0; fd < next; fd++) CHECK(fcntl(fd, F_GETFD) == 0);
    CHECK_ERRNO(fcntl(next, F_GETFD), EBADF);
}

static void *in_thread(void *how) {
    ((void (*)(int))how)(MANY);
    return NULL;
}

static void from_anew(void (*how)(int), bool threaded) {
    pid_t pid = fork();
    if (!pid) {
        pthread_t thread;
        if (threaded) {
            CHECK(pthread_create(&thread, NULL, in_thread, how) == 0 && pthread_join(thread, NULL) == 0);
        } else {
            how(MANY);
        }
        all_are_open();
        pid_t child = fork();
        int status;
        if (!child) {
            by_dup(next + 10);
            _exit(0);
        }
        CHECK(waitpid(child, &status, 0) == child && status == 0);
        exit(0);
    }
    int status;
    CHECK(waitpid(pid, &status, 0) == pid && status == 0);
}

int main(void) {
    struct rlimit limit;
    CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_max > MANY + AT_ONCE + 20);
    CHECK(syscall(SYS_close_range, 3, ~0u, 0) == 0);
    next = 3;
    limit.rlim_cur = MANY + AT_ONCE + 20;
    CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
    void (*const ways[])(int) = {by_dup, by_open, by_pipes, by_pairs, by_messages};
    for (unsigned i = 0; i < sizeof ways / sizeof *ways; i++) {
        from_anew(ways[i], false);
        from_anew(ways[i], true);
    }

    /* A limit that rises when the old one is nearly reached. */
    limit.rlim_cur = 300;
    CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
    by_dup(299);
    limit.rlim_cur = MANY;
    CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
    by_dup(MANY);
    CHECK_ERRNO(dup(0), EMFILE);
    all_are_open();
}
