/* Calls that a signal interrupts: which are made again under SA_RESTART and which fail with EINTR (signal(7)), and what a stop
 * does to them. */
#include "children.h"
#include <linux/futex.h>
#include <mqueue.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/msg.h>
#include <sys/select.h>
#include <sys/sem.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <termios.h>
#include <time.h>

/* What parent and child of one trial share. */
static struct {
    volatile int handled;
    volatile int word;
} * shared;

static int tube[2], pair[2], file, master, slave, counter, watch, epoll, listener, queue_id, semaphores;
static mqd_t queue;
static char byte;
static const struct timespec a_day = {86400, 0};

static void on_signal(int number, siginfo_t *info, void *context) {
    (void)number, (void)info, (void)context;
    shared->handled++;
}

#define CALL(name, call)                                                                                                       \
    static long name(void) { return (call); }
#define FINISH(name, call)                                                                                                     \
    static void name(void) { CHECK(call); }

static long done(long result) { return result ? -1 : 1; }

/* ---- Restarted ---- */

CALL(read_pipe, read(tube[0], &byte, 1))
FINISH(write_byte, write(tube[1], "x", 1) == 1)
static long write_full_pipe(void) {
    while (write(tube[1], "x", 1) == 1) continue;
    fcntl(tube[1], F_SETFL, 0);
    return write(tube[1], "x", 1);
}
static void read_bytes(void) {
    char bytes[4096];
    CHECK(read(tube[0], bytes, sizeof bytes) == sizeof bytes);
}
static long readv_pipe(void) {
    struct iovec v = {&byte, 1};
    return readv(tube[0], &v, 1);
}
CALL(read_tty, read(slave, &byte, 1))
FINISH(type, write(master, "a\n", 2) == 2)
static long read_counter(void) {
    uint64_t value;
    return read(counter, &value, 8);
}
FINISH(count_up, eventfd_write(counter, 1) == 0)
static long read_watch(void) {
    char event[300];
    return read(watch, event, sizeof event);
}
FINISH(touch, close(open("watched/new", O_CREAT | O_WRONLY, 0644)) == 0)
CALL(open_fifo, open("fifo", O_RDONLY))
FINISH(open_other_end, open("fifo", O_RDWR) >= 0)
static pid_t grandchild;
static long wait_child(void) {
    grandchild = fork();
    if (grandchild == 0) {
        while (!shared->word) usleep(1000);
        _exit(0);
    }
    return wait4(grandchild, NULL, 0, NULL);
}
static long waitid_child(void) {
    siginfo_t info;
    grandchild = fork();
    if (grandchild == 0) {
        while (!shared->word) usleep(1000);
        _exit(0);
    }
    return done(waitid(P_PID, grandchild, &info, WEXITED));
}
static void let_go(void) { shared->word = 1; }
CALL(lock_file, done(flock(open("file", O_RDWR), LOCK_EX)))
FINISH(unlock_file, flock(file, LOCK_UN) == 0)
static long lock_record(void) {
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    return done(fcntl(open("file", O_RDWR), F_SETLKW, &lock));
}
static long lock_description(void) {
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    return done(fcntl(open("file", O_RDWR), F_OFD_SETLKW, &lock));
}
static void unlock_record(void) {
    struct flock lock = {.l_type = F_UNLCK, .l_whence = SEEK_SET};
    CHECK(fcntl(file, F_SETLK, &lock) == 0);
}
CALL(receive, recv(pair[0], &byte, 1, 0))
static long receive_message(void) {
    struct iovec v = {&byte, 1};
    struct msghdr message = {.msg_iov = &v, .msg_iovlen = 1};
    return recvmsg(pair[0], &message, 0);
}
FINISH(send_byte, send(pair[1], "x", 1, 0) == 1)
CALL(accept_one, accept(listener, NULL, NULL))
static void connect_one(void) {
    struct sockaddr_un address = {AF_UNIX, "socket"};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    CHECK(connect(fd, (struct sockaddr *)&address, sizeof address) == 0);
}
CALL(futex_wait, done(syscall(SYS_futex, &shared->word, FUTEX_WAIT, 0, NULL)))
static void futex_wake(void) { /* the word stays: after its handler, the child may be about to wait again */
    while (syscall(SYS_futex, &shared->word, FUTEX_WAKE, 1) == 0) usleep(1000);
}
CALL(queue_receive, mq_receive(queue, (char[8]){0}, 8, NULL))
FINISH(queue_send, mq_send(queue, "x", 1, 0) == 0)

/* ---- Never restarted ---- */

CALL(sleep_long, nanosleep(&a_day, NULL))
CALL(sleep_on_clock, (errno = clock_nanosleep(CLOCK_MONOTONIC, 0, &a_day, NULL)) ? -1 : 0)
static long sleep_until(void) {
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    t.tv_sec += 86400;
    return (errno = clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &t, NULL)) ? -1 : 0;
}
static struct pollfd *tube_poll(void) {
    static struct pollfd p;
    p = (struct pollfd){tube[0], POLLIN, 0};
    return &p;
}
static fd_set *tube_set(void) {
    static fd_set set;
    FD_ZERO(&set);
    FD_SET(tube[0], &set);
    return &set;
}
CALL(poll_long, poll(tube_poll(), 1, 86400000))
CALL(poll_ever, poll(tube_poll(), 1, -1))
CALL(ppoll_ever, ppoll(tube_poll(), 1, NULL, NULL))
CALL(ppoll_masked, ppoll(tube_poll(), 1, NULL, &(sigset_t){0}))
CALL(select_ever, select(tube[0] + 1, tube_set(), NULL, NULL, NULL))
CALL(pselect_ever, pselect(tube[0] + 1, tube_set(), NULL, NULL, &a_day, &(sigset_t){0}))
CALL(epoll_ever, epoll_wait(epoll, &(struct epoll_event){0}, 1, -1))
CALL(epoll_masked, epoll_pwait(epoll, &(struct epoll_event){0}, 1, -1, &(sigset_t){0}))
CALL(message_receive, msgrcv(queue_id, (long[2]){0}, 8, 0, 0))
CALL(semaphore_take, semop(semaphores, &(struct sembuf){0, -1, 0}, 1))
CALL(semaphore_timed, semtimedop(semaphores, &(struct sembuf){0, -1, 0}, 1, &a_day))
CALL(suspend, sigsuspend(&(sigset_t){0}))
CALL(pause_ever, pause())
static long wait_for_signal(void) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR2);
    return sigtimedwait(&set, NULL, &a_day);
}
CALL(futex_timed, syscall(SYS_futex, &shared->word, FUTEX_WAIT, 0, &a_day))
static long receive_timed(void) {
    struct timeval t = {86400, 0};
    setsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &t, sizeof t);
    return recv(pair[0], &byte, 1, 0);
}
static long accept_timed(void) {
    struct timeval t = {86400, 0};
    setsockopt(listener, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof t);
    return accept(listener, NULL, NULL);
}
static long send_timed(void) {
    static char much[1 << 20];
    struct timeval t = {86400, 0};
    setsockopt(pair[0], SOL_SOCKET, SO_SNDTIMEO, &t, sizeof t);
    send(pair[0], much, sizeof much, MSG_DONTWAIT);
    return send(pair[0], much, 1, 0);
}

static const struct trial {
    const char *name;
    long (*call)(void);
    void (*finish)(void); /* lets the call succeed; NULL: it fails with EINTR, SA_RESTART or not */
    int stop_interrupts;  /* without a handler */
} trials[] = {
    {"read pipe", read_pipe, write_byte, 0},
    {"readv pipe", readv_pipe, write_byte, 0},
    {"write full pipe", write_full_pipe, read_bytes, 0},
    {"read tty", read_tty, type, 0},
    {"read eventfd", read_counter, count_up, 0},
    {"read inotify", read_watch, touch, 0},
    {"open fifo", open_fifo, open_other_end, 0},
    {"wait4", wait_child, let_go, 0},
    {"waitid", waitid_child, let_go, 0},
    {"flock", lock_file, unlock_file, 0},
    {"F_SETLKW", lock_record, unlock_record, 0},
    {"F_OFD_SETLKW", lock_description, unlock_record, 0},
    {"recv", receive, send_byte, 0},
    {"recvmsg", receive_message, send_byte, 0},
    {"accept", accept_one, connect_one, 0},
    {"futex", futex_wait, futex_wake, 0},
    {"mq_receive", queue_receive, queue_send, 0},
    {"nanosleep", sleep_long, NULL, 0},
    {"clock_nanosleep", sleep_on_clock, NULL, 0},
    {"clock_nanosleep until", sleep_until, NULL, 0},
    {"poll", poll_long, NULL, 0},
    {"poll for ever", poll_ever, NULL, 0},
    {"ppoll", ppoll_ever, NULL, 0},
    {"ppoll with a mask", ppoll_masked, NULL, 0},
    {"select", select_ever, NULL, 0},
    {"pselect", pselect_ever, NULL, 0},
    {"epoll_wait", epoll_ever, NULL, 1},
    {"epoll_pwait", epoll_masked, NULL, 1},
    {"msgrcv", message_receive, NULL, 0},
    {"semop", semaphore_take, NULL, 1},
    {"semtimedop", semaphore_timed, NULL, 1},
    {"sigsuspend", suspend, NULL, 0},
    {"pause", pause_ever, NULL, 0},
    {"sigtimedwait", wait_for_signal, NULL, 1},
    {"futex with a time-out", futex_timed, NULL, 0},
    {"recv with SO_RCVTIMEO", receive_timed, NULL, 1},
    {"accept with SO_RCVTIMEO", accept_timed, NULL, 1},
    {"send with SO_SNDTIMEO", send_timed, NULL, 1},
};

static void make_objects(void) {
    CHECK(pipe(tube) == 0 && fcntl(tube[1], F_SETPIPE_SZ, 4096) == 4096);
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
    file = make_file("file", "x", 1);
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    CHECK(flock(file, LOCK_EX) == 0 && fcntl(file, F_SETLK, &lock) == 0);
    CHECK((master = posix_openpt(O_RDWR | O_NOCTTY)) >= 0 && unlockpt(master) == 0);
    CHECK((slave = open(ptsname(master), O_RDWR | O_NOCTTY)) >= 0);
    counter = eventfd(0, 0);
    CHECK(mkdir("watched", 0755) == 0 && (watch = inotify_init()) >= 0 && inotify_add_watch(watch, "watched", IN_CREATE) >= 0);
    CHECK(mkfifo("fifo", 0644) == 0);
    CHECK((epoll = epoll_create1(0)) >= 0);
    struct sockaddr_un address = {AF_UNIX, "socket"};
    listener = socket(AF_UNIX, SOCK_STREAM, 0);
    CHECK(bind(listener, (struct sockaddr *)&address, sizeof address) == 0 && listen(listener, 5) == 0);
    CHECK((queue_id = msgget(IPC_PRIVATE, 0600)) >= 0 && (semaphores = semget(IPC_PRIVATE, 1, 0600)) >= 0);
    char name[40];
    snprintf(name, sizeof name, "/restart-%d", getpid());
    struct mq_attr attributes = {.mq_maxmsg = 1, .mq_msgsize = 8};
    CHECK((queue = mq_open(name, O_RDWR | O_CREAT | O_EXCL, 0600, &attributes)) >= 0 && mq_unlink(name) == 0);
}

static void remove_objects(void) {
    CHECK(msgctl(queue_id, IPC_RMID, NULL) == 0 && semctl(semaphores, 0, IPC_RMID) == 0);
    CHECK(unlink("fifo") == 0 && unlink("socket") == 0 && unlink("file") == 0);
    unlink("watched/new");
    CHECK(rmdir("watched") == 0);
    int used[] = {tube[0], tube[1], pair[0], pair[1], file, master, slave, counter, watch, epoll, listener, queue};
    for (size_t i = 0; i < sizeof used / sizeof *used; i++) CHECK(close(used[i]) == 0);
}

/* The child makes the call; its end says how that went. */
enum { SUCCEEDED = 1, INTERRUPTED = 2, FAILED = 3 };

static pid_t begin(const struct trial *t, int flags) {
    pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid) return pid;
    handle(SIGUSR1, on_signal, flags);
    if (t->call == write_full_pipe) fcntl(tube[1], F_SETFL, O_NONBLOCK);
    errno = 0;
    long result = t->call();
    _exit(result > 0 ? SUCCEEDED : result == -1 && errno == EINTR ? INTERRUPTED : FAILED);
}

static void expect(const struct trial *t, const char *when, pid_t pid, int expected) {
    int status = status_of(pid);
    if (status == expected << 8) return;
    dprintf(2, "restart.c: %s %s: status %#x, not %d\n", t->name, when, status, expected);
    _exit(1);
}

int main(int argc, char **argv) {
    shared = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    for (size_t i = 0; i < sizeof trials / sizeof *trials; i++) {
        const struct trial *t = &trials[i];
        if (argc == 2 && strcmp(argv[1], t->name)) continue;
        for (int restart = 0; restart < 2; restart++) {
            make_objects();
            shared->handled = shared->word = 0;
            pid_t pid = begin(t, restart ? SA_RESTART : 0);
            siginfo_t info = {0};
            for (int sent = 0; !info.si_pid && !(restart && t->finish && shared->handled >= 3); sent++) {
                wait_until_asleep(pid); /* most probably in the call */
                kill(pid, SIGUSR1);
                usleep(1000);
                CHECK(waitid(P_PID, pid, &info, WEXITED | WNOWAIT | WNOHANG) == 0);
            }
            if (restart && t->finish) t->finish();
            expect(t, restart ? "with SA_RESTART" : "without SA_RESTART", pid, restart && t->finish ? SUCCEEDED : INTERRUPTED);
            let_go(); /* the grandchild */
            remove_objects();
        }

        make_objects(); /* a stop, without a handler */
        shared->handled = shared->word = 0;
        pid_t pid = begin(t, 0);
        wait_until_asleep(pid);
        for (int stop = 0; stop < 2; stop++) {
            int status;
            CHECK(kill(pid, SIGSTOP) == 0 && waitpid(pid, &status, WUNTRACED) == pid);
            if (!WIFSTOPPED(status)) {
                dprintf(2, "restart.c: %s ended by a stop: %#x\n", t->name, status);
                return 1;
            }
            CHECK(kill(pid, SIGCONT) == 0);
            if (t->stop_interrupts) break;
            wait_until_asleep(pid);
        }
        if (t->stop_interrupts) {
            expect(t, "after a stop", pid, INTERRUPTED);
        } else if (t->finish) {
            t->finish();
            expect(t, "after a stop", pid, SUCCEEDED);
        } else {
            kill(pid, SIGUSR1);
            expect(t, "after a stop", pid, INTERRUPTED);
        }
        let_go();
        remove_objects();
    }
}
