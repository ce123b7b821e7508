/* Saves a line in a file, and is careless about what can go wrong: how, its arguments say. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int careful;

static void check(int failed, const char *what) {
    if (!failed || !careful) return;
    perror(what);
    exit(1);
}

int main(int argc, char **argv) {
    char line[64] = "";
    careful = argc > 2 && !strcmp(argv[2], "careful");
    int in = open("/etc/hostname", O_RDONLY | O_CLOEXEC);
    check(in < 0, "open");
    FILE *stream = fdopen(in, "r"); /* NULL for a bad descriptor */
    while (!fgets(line, sizeof line, stream)) check(1, "read");
    int out = open(argv[1], O_WRONLY | O_CREAT | O_TRUNC, 0644);
    check(out < 0, argv[1]);
    check(write(out, "line\n", 5) != 5, "write");
    check(fsync(out), "fsync");
    check(close(out), "close");
    puts("saved");
    check(fflush(stdout), "stdout");
    return 0;
}
