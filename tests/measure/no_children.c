/* Has none: neither at the start nor after one of its own. */
#define _GNU_SOURCE
#include <errno.h>
#include <sys/wait.h>
#include <unistd.h>

int main(void) {
    if (waitpid(-1, NULL, __WALL) != -1 || errno != ECHILD) return 1;
    pid_t pid = fork();
    if (pid == 0) _exit(0);
    if (waitpid(-1, NULL, 0) != pid) return 2;
    return waitpid(-1, NULL, __WALL | WNOHANG) == -1 && errno == ECHILD ? 0 : 3;
}
