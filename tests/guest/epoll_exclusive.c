/* epoll(7): EPOLLEXCLUSIVE. */
#include "children.h"
#include <sys/epoll.h>
#include <sys/eventfd.h>

static int events;

static int waits_exclusively(void) {
    struct epoll_event event = {.events = EPOLLIN | EPOLLEXCLUSIVE}, got;
    int epoll = epoll_create1(0);
    CHECK(epoll_ctl(epoll, EPOLL_CTL_ADD, events, &event) == 0);
    CHECK_ERRNO(epoll_ctl(epoll, EPOLL_CTL_MOD, events, &event), EINVAL);
    CHECK(epoll_wait(epoll, &got, 1, 10000) == 1 && got.events == EPOLLIN);
    uint64_t one;
    CHECK(read(events, &one, sizeof one) == sizeof one);
    return 0;
}

/* Each write wakes one at least, and nobody is forgotten. */
int main(void) {
    enum { WAITERS = 4 };
    pid_t pids[WAITERS];
    struct epoll_event event = {.events = EPOLLIN | EPOLLEXCLUSIVE | EPOLLONESHOT};
    int epoll = epoll_create1(0);
    events = eventfd(0, EFD_SEMAPHORE);
    CHECK_ERRNO(epoll_ctl(epoll, EPOLL_CTL_ADD, events, &event), EINVAL);
    for (int i = 0; i < WAITERS; i++) pids[i] = start(waits_exclusively);
    for (int i = 0; i < WAITERS; i++) wait_until_asleep(pids[i]);
    for (int i = 0; i < WAITERS; i++) CHECK(write(events, &(uint64_t){1}, sizeof(uint64_t)) == sizeof(uint64_t));
    for (int i = 0; i < WAITERS; i++) CHECK(succeeds(pids[i]));
    CHECK(close(events) == 0 && close(epoll) == 0);
    return 0;
}
