/* Calls that signals interrupt, handlers, and children that die by signals. */
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void handle(int number) { (void)number; }

static void alarm_soon(void) {
    timer_t timer;
    struct itimerspec once = {.it_value.tv_nsec = 100000000};
    if (timer_create(CLOCK_MONOTONIC, NULL, &timer)) abort();
    timer_settime(timer, 0, &once, NULL);
}

static void wait_for(int pid) {
    int status;
    waitpid(pid, &status, 0);
}

int main(void) {
    struct sigaction action = {.sa_handler = handle, .sa_flags = SA_RESTART};
    struct timespec long_time = {5, 0}, rest;
    struct pollfd nothing = {.fd = -1};
    union sigval value = {.sival_int = 7};
    sigset_t usr2;
    siginfo_t info;
    int pid;

    sigaction(SIGUSR1, &action, NULL);
    raise(SIGUSR1);
    action.sa_flags = 0;
    sigaction(SIGALRM, &action, NULL);
    alarm_soon();
    pause();
    alarm_soon();
    nanosleep(&long_time, &rest);
    alarm_soon();
    poll(&nothing, 1, 5000);

    if (!(pid = fork())) raise(SIGTERM);
    wait_for(pid);
    if (!(pid = fork())) *(volatile int *)8 = 1;
    wait_for(pid);
    if (!(pid = fork())) abort();
    wait_for(pid);
    if (!(pid = fork())) _exit(3);
    wait_for(pid);

    sigemptyset(&usr2);
    sigaddset(&usr2, SIGUSR2);
    sigprocmask(SIG_BLOCK, &usr2, NULL);
    sigqueue(getpid(), SIGUSR2, value);
    sigwaitinfo(&usr2, &info);
    execl("/nonexistent/program", "program", "an argument", NULL);
}
