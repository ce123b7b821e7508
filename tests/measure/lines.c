/* For the comparison with gcov: loops, branches, a switch, calls, signals, children. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static int square(int n) { return n * n; }

static int never(int n) {
    if (n > 3)
        return 1;
    return 2;
}

static int classify(int n) {
    switch (n % 4) {
    case 0: return 10;
    case 1:
        return 11;
    case 2:
        n += 2;
        break;
    default:
        n = n > 100 ? never(n)
                    : 7;
    }
    return n;
}

static volatile int seen;

static void caught(int number) {
    seen += number;
}

int main(int argc, char **argv) {
    int sum = 0;
    for (int i = 0; i < 10; i++) {
        sum += square(i);
        if (i == 5)
            continue;
        sum ^= classify(i);
    }
    while (sum > 100)
        sum /= 2;
    do {
        sum++;
    } while (sum % 8);
    signal(SIGUSR1, caught);
    for (int i = 0; i < 3; i++)
        raise(SIGUSR1);
    char text[4000];
    memset(text, 'x', sizeof text);
    pid_t pid = fork();
    if (pid == 0) {
        sum += square(3);
        exit(seen & 1);
    }
    int status;
    waitpid(pid, &status, 0);
    if (argc > 1)
        puts(argv[1]);
    return 0;
}
