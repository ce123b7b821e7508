/* A program that is being executed is not written to, by whatever name; once it has ended it is. */
#include "children.h"
#include <linux/openat2.h>
#include <sys/stat.h>

static void copy(const char *from, const char *to) {
    int in = open(from, O_RDONLY), out = open(to, O_WRONLY | O_CREAT | O_EXCL, 0755);
    char buffer[1 << 16];
    ssize_t n;
    while ((n = read(in, buffer, sizeof buffer)) > 0) CHECK(write(out, buffer, n) == n);
    CHECK(n == 0 && close(in) == 0 && close(out) == 0);
}

static int can_open(const char *name, int flags) {
    int fd = open(name, flags, 0700);
    return fd >= 0 && close(fd) == 0;
}

static off_t size(const char *name) {
    struct stat status;
    CHECK(stat(name, &status) == 0);
    return status.st_size;
}

static void refused(const char *name) {
    struct open_how how = {.flags = O_RDWR | O_TRUNC};
    off_t before = size(name);
    CHECK_ERRNO(open(name, O_WRONLY), ETXTBSY);
    CHECK_ERRNO(open(name, O_RDWR | O_NOFOLLOW), ETXTBSY);
    CHECK_ERRNO(open(name, O_WRONLY | O_TRUNC), ETXTBSY);
    CHECK_ERRNO(open(name, O_RDONLY | O_TRUNC), ETXTBSY);
    CHECK_ERRNO(open(name, O_WRONLY | O_CREAT, 0700), ETXTBSY);
    CHECK_ERRNO(open(name, O_WRONLY | O_CREAT | O_EXCL, 0700), EEXIST);
    CHECK_ERRNO(open(name, O_WRONLY | O_DIRECTORY), ENOTDIR);
    CHECK_ERRNO(creat(name, 0700), ETXTBSY);
    CHECK_ERRNO(syscall(SYS_open, name, O_WRONLY), ETXTBSY);
    CHECK_ERRNO(syscall(SYS_openat2, AT_FDCWD, name, &how, sizeof how), ETXTBSY);
    CHECK_ERRNO(truncate(name, 1), ETXTBSY);
    CHECK_ERRNO(truncate(name, -1), EINVAL);
    CHECK(can_open(name, O_RDONLY) && can_open(name, O_PATH) && size(name) == before);
    if (geteuid()) {
        CHECK(chmod(name, 0555) == 0);
        CHECK_ERRNO(open(name, O_WRONLY), EACCES);
        CHECK(chmod(name, 0755) == 0);
    }
}

int main(int argc, char **argv) {
    char path[PATH_MAX] = "";
    int ready[2];
    if (argc > 1) {
        pid_t child = fork(); /* which executes it, too, and is the last one to do so */
        CHECK(child >= 0 && write(atoi(argv[1]), "x", 1) == 1);
        for (;;) pause();
    }
    (void)argv;
    CHECK(readlink("/proc/self/exe", path, sizeof path - 1) > 0 && pipe(ready) == 0);
    if (access(path, W_OK) == 0) refused(path);
    copy(path, "program");
    CHECK(can_open("program", O_WRONLY));

    pid_t pid = fork();
    if (pid == 0) {
        char number[20];
        snprintf(number, sizeof number, "%d", ready[1]);
        CHECK(setpgid(0, 0) == 0);
        execl("./program", "program", number, NULL);
        _exit(1);
    }
    close(ready[1]);
    for (int i = 0; i < 2; i++) CHECK(read(ready[0], path, 1) == 1);
    refused("program");
    CHECK(link("program", "linked") == 0 && symlink("program", "symbolic") == 0 && rename("program", "renamed") == 0);
    refused("linked");
    refused("renamed");
    CHECK(rename("renamed", "program") == 0);
    CHECK_ERRNO(open("symbolic", O_WRONLY), ETXTBSY);
    CHECK_ERRNO(open("symbolic", O_WRONLY | O_NOFOLLOW), ELOOP);
    CHECK(kill(pid, SIGKILL) == 0 && dies_of(pid, SIGKILL));
    refused("program");
    CHECK(kill(-pid, SIGKILL) == 0 && read(ready[0], path, 1) == 0);
    for (int tries = 0; tries < 1000 && !can_open("program", O_WRONLY); tries++) usleep(10000); /* its files go before it */
    CHECK(can_open("program", O_WRONLY | O_TRUNC) && size("linked") == 0);
}
