/* Children that are killed in the midst of their calls. */
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

int main(void) {
    for (int i = 0; i < 10; i++) {
        int ready[2];
        char byte;
        if (pipe(ready)) return 1;
        int pid = fork();
        if (!pid) {
            if (write(ready[1], "", 1) != 1) return 1;
            for (;;) syscall(SYS_getppid);
        }
        if (read(ready[0], &byte, 1) != 1) return 1;
        usleep(1000);
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
    }
    return 7;
}
