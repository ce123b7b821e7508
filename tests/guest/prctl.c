/* prctl(2): names, flags that stay, what is unknown. */
#include "check.h"
#include <signal.h>
#include <sys/prctl.h>

int main(void) {
    char name[17] = "", *comm;
    CHECK(prctl(PR_GET_NAME, name) == 0 && name[15] == 0);
    CHECK(prctl(PR_SET_NAME, "a name of more than fifteen") == 0 && prctl(PR_GET_NAME, name) == 0);
    CHECK(!strcmp(name, "a name of more "));
    comm = read_file("/proc/self/comm", NULL);
    CHECK(!strcmp(comm, "a name of more \n"));
    CHECK(write(open("/proc/self/comm", O_WRONLY), "other", 5) == 5 && prctl(PR_GET_NAME, name) == 0 && !strcmp(name, "other"));
    CHECK_ERRNO(prctl(PR_SET_NAME, 8), EFAULT);
    CHECK_ERRNO(prctl(PR_GET_NAME, 8), EFAULT);

    CHECK(prctl(PR_GET_DUMPABLE) == 1 && prctl(PR_SET_DUMPABLE, 0) == 0 && prctl(PR_GET_DUMPABLE) == 0);
    CHECK(prctl(PR_SET_DUMPABLE, 1) == 0);
    CHECK_ERRNO(prctl(PR_SET_DUMPABLE, 5), EINVAL);
    CHECK(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
    CHECK(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1);
    CHECK_ERRNO(prctl(PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0), EINVAL);
    int value = -1;
    CHECK(prctl(PR_SET_PDEATHSIG, SIGUSR1) == 0 && prctl(PR_GET_PDEATHSIG, &value) == 0 && value == SIGUSR1);
    CHECK(prctl(PR_SET_PDEATHSIG, 0) == 0);
    CHECK_ERRNO(prctl(PR_SET_PDEATHSIG, 1000), EINVAL);
    CHECK(prctl(PR_SET_CHILD_SUBREAPER, 1) == 0 && prctl(PR_GET_CHILD_SUBREAPER, &value) == 0 && value == 1);
    CHECK(prctl(PR_GET_SECCOMP) == 0 && prctl(PR_GET_KEEPCAPS) == 0);
    CHECK(prctl(PR_GET_TIMERSLACK) > 0 && prctl(PR_SET_TIMERSLACK, 1234567) == 0 && prctl(PR_GET_TIMERSLACK) == 1234567);
    CHECK(prctl(PR_CAPBSET_READ, 0) >= 0);
    CHECK_ERRNO(prctl(PR_CAPBSET_READ, 1000), EINVAL);
    CHECK_ERRNO(prctl(12345, 0, 0, 0, 0), EINVAL);
    CHECK_ERRNO(prctl(-1, 0, 0, 0, 0), EINVAL);
}
