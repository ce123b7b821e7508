/* bomb UID LIMIT: as this user (-1: as before), who may have LIMIT processes, each process forks until it may not. The first
 * one says how often all of them could. All stay until their input ends, and for their children. */
#include "../guest/children.h"
#include <stdatomic.h>
#include <sys/resource.h>

int main(int argc, char **argv) {
    CHECK(argc == 3);
    uid_t user = atoi(argv[1]);
    struct rlimit limit = {atoi(argv[2]), atoi(argv[2])};
    struct {
        atomic_int born, refused;
    } *count = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(count != MAP_FAILED);
    CHECK(setrlimit(RLIMIT_NPROC, &limit) == 0 && setresuid(user, user, user) == 0);
    pid_t pid, first = getpid();
    do {
        count->born++;
        pid = fork();
    } while (pid >= 0);
    CHECK(errno == EAGAIN);
    count->born--;
    count->refused++;
    if (getpid() == first) {
        while (count->refused < count->born + 1) usleep(10000);
        printf("%d\n", count->born);
        fflush(stdout);
    }
    char byte;
    CHECK(read(0, &byte, 1) == 0);
    while ((pid = wait(NULL)) > 0) continue;
    CHECK(errno == ECHILD);
}
