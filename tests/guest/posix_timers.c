/* timer_create(2) and its family, setitimer(2), POSIX message queues' notification: mq_notify(3). */
#include "check.h"

#include <mqueue.h>
#include <signal.h>
#include <sys/time.h>
#include <time.h>

#define NAME "/noahpy-guest-test"

static volatile int count, code;
static void *volatile value;

static void handler(int number, siginfo_t *info, void *context) {
    (void)number, (void)context;
    code = info->si_code, value = info->si_value.sival_ptr;
    count++;
}

static void wait_for(int n) {
    for (int i = 0; i < 5000 && count < n; i++) usleep(1000);
    CHECK(count >= n);
}

static void timers(void) {
    timer_t timer;
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN, .sigev_value.sival_ptr = &timer};
    CHECK(timer_create(CLOCK_MONOTONIC, &event, &timer) == 0);
    struct itimerspec time = {.it_value = {0, 1000000}, .it_interval = {0, 1000000}}, left;
    CHECK(timer_settime(timer, 0, &time, NULL) == 0);
    wait_for(3);
    CHECK(code == SI_TIMER && value == &timer);
    CHECK(timer_gettime(timer, &left) == 0);
    CHECK(left.it_interval.tv_nsec == 1000000);
    CHECK(timer_getoverrun(timer) >= 0);
    CHECK(timer_delete(timer) == 0);
    CHECK_ERRNO(syscall(SYS_timer_gettime, 12345, &left), EINVAL);
    CHECK_ERRNO(syscall(SYS_timer_delete, 12345), EINVAL);

    /* To a thread. */
    count = 0;
    event.sigev_notify = SIGEV_THREAD_ID;
    event._sigev_un._tid = syscall(SYS_gettid);
    CHECK(timer_create(CLOCK_REALTIME, &event, &timer) == 0);
    time.it_interval.tv_nsec = 0;
    CHECK(timer_settime(timer, 0, &time, NULL) == 0);
    wait_for(1);
    CHECK(timer_delete(timer) == 0);

    int number;
    event._sigev_un._tid = INT_MAX;
    CHECK_ERRNO(syscall(SYS_timer_create, CLOCK_REALTIME, &event, &number), EINVAL);
    CHECK_ERRNO(syscall(SYS_timer_create, 99, NULL, &number), EINVAL);
    CHECK_ERRNO(syscall(SYS_timer_create, CLOCK_REALTIME, (void *)1, &number), EFAULT);
    CHECK_ERRNO(syscall(SYS_timer_create, CLOCK_REALTIME, NULL, (void *)1), EFAULT);
    CHECK(syscall(SYS_timer_create, CLOCK_REALTIME, NULL, &number) == 0);
    CHECK(syscall(SYS_timer_delete, number) == 0);
}

static void intervals(void) {
    count = 0;
    struct itimerval time = {.it_value = {0, 1000}, .it_interval = {0, 1000}}, old;
    CHECK(setitimer(ITIMER_REAL, &time, NULL) == 0);
    wait_for(3);
    CHECK(setitimer(ITIMER_REAL, &(struct itimerval){0}, &old) == 0);
    CHECK(old.it_interval.tv_usec == 1000);
    CHECK(getitimer(ITIMER_REAL, &old) == 0);
    CHECK(old.it_value.tv_sec == 0 && old.it_value.tv_usec == 0);
    CHECK_ERRNO(setitimer(3, &time, NULL), EINVAL);
    CHECK_ERRNO(setitimer(ITIMER_REAL, (void *)1, NULL), EFAULT);
    CHECK(alarm(100) == 0);
    CHECK(alarm(0) >= 99);
}

static void queues(void) {
    mq_unlink(NAME);
    mqd_t queue = mq_open(NAME, O_CREAT | O_EXCL | O_RDWR, 0600, &(struct mq_attr){.mq_maxmsg = 2, .mq_msgsize = 16});
    if (queue == -1 && (errno == ENOSYS || errno == EACCES)) return; /* the host has none */
    CHECK(queue >= 0);
    char text[16];
    unsigned priority;
    count = 0;
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN, .sigev_value.sival_ptr = &queue};
    CHECK(mq_notify(queue, &event) == 0);
    CHECK_ERRNO(mq_notify(queue, &event), EBUSY);
    CHECK(mq_send(queue, "low", 4, 1) == 0);
    wait_for(1);
    CHECK(code == SI_MESGQ && value == &queue);
    CHECK(mq_send(queue, "high", 5, 7) == 0);
    CHECK(mq_receive(queue, text, sizeof text, &priority) == 5);
    CHECK(priority == 7 && strcmp(text, "high") == 0);
    CHECK(mq_receive(queue, text, sizeof text, NULL) == 4);
    CHECK_ERRNO(mq_receive(queue, text, 8, NULL), EMSGSIZE);
    CHECK_ERRNO(mq_timedreceive(queue, text, sizeof text, NULL, &(struct timespec){1, 0}), ETIMEDOUT);
    struct mq_attr attributes;
    CHECK(mq_getattr(queue, &attributes) == 0);
    CHECK(attributes.mq_maxmsg == 2 && attributes.mq_msgsize == 16 && attributes.mq_curmsgs == 0);
    CHECK_ERRNO(syscall(SYS_mq_notify, queue, (void *)1), EFAULT);
    CHECK_ERRNO(syscall(SYS_mq_notify, 77, NULL), EBADF);
    CHECK(mq_close(queue) == 0);
    CHECK(mq_unlink(NAME) == 0);
    CHECK_ERRNO(mq_unlink(NAME), ENOENT);
}

int main(void) {
    struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};
    CHECK(sigaction(SIGRTMIN, &action, NULL) == 0);
    CHECK(sigaction(SIGALRM, &action, NULL) == 0);
    timers();
    intervals();
    queues();
    return 0;
}
