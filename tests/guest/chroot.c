/* chroot to a folder that has neither /proc nor /dev: a process goes on there, forks and executes. */
#include "children.h"
#include <sys/sendfile.h>
#include <sys/stat.h>

static void make_parents(char *path) {
    for (char *p = path + 1; *p; p++) {
        if (*p != '/') continue;
        *p = 0;
        CHECK(mkdir(path, 0755) == 0 || errno == EEXIST);
        *p = '/';
    }
}

/* Copies `from` to the same path under root/. */
static void bring(const char *from, const char *to) {
    char path[PATH_MAX];
    snprintf(path, sizeof path, "root/%s", to);
    make_parents(path);
    int in = open(from, O_RDONLY), out = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0755);
    CHECK(in >= 0 && out >= 0);
    while (sendfile(out, in, NULL, 1 << 30) > 0) {}
    CHECK(close(in) == 0 && close(out) == 0);
}

/* All that this program has mapped from files: the loader and the libraries. */
static void bring_libraries(void) {
    char *maps = read_file("/proc/self/maps", NULL), *line, *rest = maps;
    while ((line = strsep(&rest, "\n"))) {
        char *path = strchr(line, '/');
        if (path && strstr(path, ".so") && access(path, R_OK) == 0) bring(path, path);
    }
    free(maps);
    bring("/lib64/ld-linux-x86-64.so.2", "lib64/ld-linux-x86-64.so.2");
}

static int in_child(void) { return access("/proc", F_OK) == -1 && getpid() != getppid() ? 0 : 1; }

static int inside(void) {
    CHECK(chroot("root") == 0 && chdir("/") == 0);
    CHECK_ERRNO(open("/proc/self/maps", O_RDONLY), ENOENT);
    CHECK(succeeds(start(in_child)));

    char *mapped = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(mapped != MAP_FAILED);
    mapped[0] = 'x';
    mapped = mremap(mapped, 4 * PAGE, 4096 * PAGE, MREMAP_MAYMOVE);
    CHECK(mapped != MAP_FAILED && mapped[0] == 'x');

    pid_t pid = vfork();
    CHECK(pid >= 0);
    if (pid == 0) {
        execl("/nothing", "nothing", NULL);
        _exit(errno);
    }
    CHECK(status_of(pid) == ENOENT << 8);

    int left = dup(2);
    CHECK(fcntl(left, F_SETFD, FD_CLOEXEC) == 0);
    char number[20];
    snprintf(number, sizeof number, "%d", left);
    execl("/program", "program", number, NULL);
    return 1;
}

int main(int argc, char **argv) {
    if (argc > 1) { /* executed inside */
        CHECK_ERRNO(fcntl(atoi(argv[1]), F_GETFD), EBADF);
        return succeeds(start(in_child)) ? 0 : 1;
    }
    if (geteuid()) {
        CHECK_ERRNO(chroot("."), EPERM);
        return 0;
    }
    bring_libraries();
    bring("/proc/self/exe", "program");
    CHECK(succeeds(start(inside)));
    return 0;
}
