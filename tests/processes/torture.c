/* torture futex|epoll ROUNDS: threads and processes wake each other, a signal comes every few milliseconds. A wake-up that is
 * lost is waited for for ever. */
#include "../guest/children.h"
#include <linux/futex.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>

static long rounds;
static volatile long signals;

static void count(int number, siginfo_t *info, void *context) {
    (void)info, (void)context;
    signals += number == SIGALRM;
}

static void storm(void) {
    struct itimerval often = {{0, 3000}, {0, 3000}};
    handle(SIGALRM, count, SA_RESTART);
    CHECK(setitimer(ITIMER_REAL, &often, NULL) == 0);
}

static pthread_t begin(void *(*body)(void *), void *argument) {
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, body, argument) == 0);
    return thread;
}

/* ---- Two sides, each of which waits for the other's word ---- */

struct sides {
    volatile uint32_t turn; /* 0 or 1: whose it is */
    int private;
};

static void take_turns(struct sides *s, uint32_t mine) {
    for (long i = 0; i < rounds; i++) {
        while (s->turn != mine) {
            long result = syscall(SYS_futex, &s->turn, FUTEX_WAIT | s->private, !mine, NULL, NULL, 0);
            CHECK(result == 0 || errno == EAGAIN || errno == EINTR);
        }
        s->turn = !mine;
        CHECK(syscall(SYS_futex, &s->turn, FUTEX_WAKE | s->private, 1, NULL, NULL, 0) >= 0);
    }
}

static void *other_side(void *s) {
    take_turns(s, 1);
    return NULL;
}

static void between_threads(void) {
    static struct sides sides = {0, FUTEX_PRIVATE_FLAG};
    pthread_t other = begin(other_side, &sides);
    take_turns(&sides, 0);
    CHECK(pthread_join(other, NULL) == 0);
}

static void between_processes(void) {
    struct sides *shared = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(shared != MAP_FAILED);
    pid_t child = fork();
    if (child == 0) {
        storm();
        take_turns(shared, 1);
        _exit(0);
    }
    take_turns(shared, 0);
    CHECK(succeeds(child));
}

/* ---- A short queue: mutex, two conditions, some waits with a limit, some wake-ups for all ---- */

enum { WORKERS = 3, ROOM = 2 };
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t filled = PTHREAD_COND_INITIALIZER, emptied = PTHREAD_COND_INITIALIZER;
static long queued, put, taken;

static void *puts_in(void *unused) {
    for (;;) {
        pthread_mutex_lock(&lock);
        while (queued == ROOM && put < rounds) pthread_cond_wait(&emptied, &lock);
        int ready = put >= rounds;
        if (!ready) queued++, put++;
        if (put % 16 && !ready)
            pthread_cond_signal(&filled);
        else
            pthread_cond_broadcast(&filled), pthread_cond_broadcast(&emptied);
        pthread_mutex_unlock(&lock);
        if (ready) return unused;
    }
}

static void *takes_out(void *unused) {
    for (;;) {
        pthread_mutex_lock(&lock);
        while (!queued && taken < rounds) {
            struct timespec until;
            clock_gettime(CLOCK_REALTIME, &until);
            if ((until.tv_nsec += 200000) >= 1000000000) until.tv_nsec -= 1000000000, until.tv_sec++;
            if (taken % 8)
                pthread_cond_wait(&filled, &lock);
            else
                pthread_cond_timedwait(&filled, &lock, &until);
        }
        int ready = taken >= rounds;
        if (!ready) queued--, taken++;
        if (taken >= rounds) pthread_cond_broadcast(&filled);
        pthread_cond_signal(&emptied);
        pthread_mutex_unlock(&lock);
        if (ready) return unused;
    }
}

static void through_a_queue(void) {
    pthread_t threads[2 * WORKERS];
    for (int i = 0; i < 2 * WORKERS; i++) threads[i] = begin(i % 2 ? puts_in : takes_out, NULL);
    for (int i = 0; i < 2 * WORKERS; i++) CHECK(pthread_join(threads[i], NULL) == 0);
    CHECK(put == rounds && taken == rounds && queued == 0);
}

static void futex(void) {
    between_threads();
    rounds /= 4;
    between_processes();
    through_a_queue();
}

/* ---- epoll: edges and single shots, waited for by several threads ---- */

static int poller, there[2], back[2];

static void *answers(void *unused) {
    struct epoll_event event;
    uint64_t value;
    for (long seen = 0; seen < rounds;) {
        int n = epoll_wait(poller, &event, 1, -1);
        if (n < 0 && errno == EINTR) continue;
        CHECK(n == 1);
        CHECK(read(there[0], &value, sizeof value) == sizeof value);
        seen += value;
        CHECK(write(back[0], &value, sizeof value) == sizeof value);
    }
    return unused;
}

static void edges(void) {
    CHECK((poller = epoll_create1(0)) >= 0);
    CHECK((there[0] = eventfd(0, EFD_NONBLOCK)) >= 0 && (back[0] = eventfd(0, 0)) >= 0);
    CHECK(epoll_ctl(poller, EPOLL_CTL_ADD, there[0], &(struct epoll_event){.events = EPOLLIN | EPOLLET}) == 0);
    pthread_t other = begin(answers, NULL);
    for (long i = 0; i < rounds; i++) {
        uint64_t one = 1;
        CHECK(write(there[0], &one, sizeof one) == sizeof one);
        ssize_t n;
        while ((n = read(back[0], &one, sizeof one)) < 0 && errno == EINTR) continue;
        CHECK(n == sizeof one && one == 1);
    }
    CHECK(pthread_join(other, NULL) == 0 && close(poller) == 0 && close(there[0]) == 0 && close(back[0]) == 0);
}

static long received;

static void *drains(void *unused) {
    struct epoll_event event;
    char bytes[16];
    for (;;) {
        int n = epoll_wait(poller, &event, 1, -1);
        if (n < 0 && errno == EINTR) continue;
        CHECK(n == 1);
        ssize_t got;
        while ((got = read(event.data.fd, bytes, sizeof bytes)) > 0) __atomic_add_fetch(&received, got, __ATOMIC_SEQ_CST);
        event.events = EPOLLIN | EPOLLET | EPOLLONESHOT;
        CHECK(epoll_ctl(poller, EPOLL_CTL_MOD, event.data.fd, &event) == 0);
        if (got == 0) return unused; /* the end: for the other thread, too */
        CHECK(errno == EAGAIN);
    }
}

static void single_shots(void) {
    pthread_t threads[WORKERS];
    CHECK((poller = epoll_create1(0)) >= 0);
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, there) == 0 && socketpair(AF_UNIX, SOCK_STREAM, 0, back) == 0);
    for (int i = 0; i < 2; i++) {
        int fd = i ? back[0] : there[0];
        struct epoll_event event = {EPOLLIN | EPOLLET | EPOLLONESHOT, {.fd = fd}};
        CHECK(fcntl(fd, F_SETFL, O_NONBLOCK) == 0 && epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event) == 0);
    }
    for (int i = 0; i < WORKERS; i++) threads[i] = begin(drains, NULL);
    for (long i = 0; i < rounds; i++) {
        int to = i % 3 ? there[1] : back[1];
        while (write(to, "x", 1) != 1) CHECK(errno == EINTR);
        while (i % 64 == 0 && __atomic_load_n(&received, __ATOMIC_SEQ_CST) <= i) sched_yield(); /* all have been seen */
    }
    while (__atomic_load_n(&received, __ATOMIC_SEQ_CST) < rounds) sched_yield();
    CHECK(shutdown(there[1], SHUT_WR) == 0);
    for (int i = 0; i < WORKERS; i++) CHECK(pthread_join(threads[i], NULL) == 0);
    CHECK(received == rounds);
}

static void epoll(void) {
    edges();
    single_shots();
}

int main(int argc, char **argv) {
    CHECK(argc == 3 && (rounds = atol(argv[2])) > 0);
    storm();
    if (strcmp(argv[1], "futex") == 0) futex();
    if (strcmp(argv[1], "epoll") == 0) epoll();
    CHECK(signals > 0);
    return 0;
}
