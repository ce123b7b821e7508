/* bomb UID LIMIT: as this user (-1: as before), who may have LIMIT processes, each process forks until it may not. The first
 * one says how often all of them could. All stay until their input ends, and for their children. */
#include "../guest/children.h"
#include <sys/resource.h>

int main(int argc, char **argv) {
    CHECK(argc == 3);
    uid_t user = atoi(argv[1]);
    struct rlimit limit = {atoi(argv[2]), atoi(argv[2])};
    /* By all, through a pipe: atomics on memory that processes share are not atomic on the simulated CPU. */
    int told[2], tries = 0, refused = 0;
    CHECK(pipe(told) == 0);
    CHECK(setrlimit(RLIMIT_NPROC, &limit) == 0 && setresuid(user, user, user) == 0);
    pid_t pid, first = getpid();
    do {
        CHECK(write(told[1], "t", 1) == 1);
        pid = fork();
    } while (pid >= 0);
    CHECK(errno == EAGAIN);
    CHECK(write(told[1], "r", 1) == 1);
    char byte;
    if (getpid() == first) {
        do {
            CHECK(read(told[0], &byte, 1) == 1);
            *(byte == 't' ? &tries : &refused) += 1;
        } while (refused < tries - refused + 1); /* each that was born, and the first, is refused once */
        printf("%d\n", tries - refused);
        fflush(stdout);
    }
    CHECK(read(0, &byte, 1) == 0);
    while ((pid = wait(NULL)) > 0) continue;
    CHECK(errno == ECHILD);
}
