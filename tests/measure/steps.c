/* `steps PROGRAM [ARGS]`: how many instructions it executes, step by step under ptrace(2), on its last line of stderr. */
#include <stdio.h>
#include <sys/personality.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char **argv) {
    if (argc < 2) return 2;
    pid_t pid = fork();
    if (pid == 0) {
        personality(ADDR_NO_RANDOMIZE);
        ptrace(PTRACE_TRACEME);
        execv(argv[1], argv + 1);
        _exit(1);
    }
    int status;
    unsigned long count = 0, before = 0;
    struct user_regs_struct regs;
    for (waitpid(pid, &status, 0); WIFSTOPPED(status); waitpid(pid, &status, 0)) {
        ptrace(PTRACE_GETREGS, pid, NULL, &regs);
        if (before && regs.rip != before) count++; /* at the same place, a string instruction goes on */
        before = regs.rip;
        ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL);
    }
    fprintf(stderr, "%lu\n", count + 1); /* exit_group(2) does not come back */
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
