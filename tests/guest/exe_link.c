/* /proc/self/exe is the program's file itself, not a path: it opens and executes whatever has become of its name. */
#include "children.h"
#include <sys/sendfile.h>
#include <sys/stat.h>

enum { NOBODY = 65534 };

static void copy(const char *from, const char *to) {
    int in = open(from, O_RDONLY), out = open(to, O_WRONLY | O_CREAT | O_EXCL, 0755);
    CHECK(in >= 0 && out >= 0);
    while (sendfile(out, in, NULL, 1 << 30) > 0) {}
    CHECK(close(in) == 0 && close(out) == 0);
}

/* In the copy: its link leads to the file that it was started from, inode `inode`, and can be executed. */
static void is(const char *inode) {
    struct stat s;
    int fd = open("/proc/self/exe", O_RDONLY);
    CHECK(fd >= 0 && fstat(fd, &s) == 0 && s.st_ino == strtoul(inode, NULL, 10) && close(fd) == 0);
    CHECK(stat("/proc/self/exe", &s) == 0 && s.st_ino == strtoul(inode, NULL, 10));
}

static void again(const char *inode, const char *what) {
    is(inode);
    execl("/proc/self/exe", "exe_link", inode, what, NULL);
    CHECK(!"execve came back");
}

/* The link's text says what has become of the name. */
static void text_is(const char *end) {
    char text[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", text, sizeof text - 1);
    CHECK(n > (ssize_t)strlen(end));
    text[n] = 0;
    CHECK(!strcmp(text + n - strlen(end), end));
}

static int start_copy(void) {
    struct stat s;
    char inode[24];
    CHECK(stat("folder/copy", &s) == 0);
    snprintf(inode, sizeof inode, "%lu", s.st_ino);
    execl("folder/copy", "exe_link", inode, "started", NULL);
    return 1;
}

int main(int argc, char **argv) {
    if (argc == 1) {
        CHECK(mkdir("folder", 0755) == 0);
        copy("/proc/self/exe", "folder/copy");
        CHECK(succeeds(start(start_copy)));
        return 0;
    }
    const char *inode = argv[1], *what = argv[2];
    is(inode);
    if (!strcmp(what, "started")) {
        CHECK(rename("folder/copy", "folder/moved") == 0);
        text_is("folder/moved");
        again(inode, "moved");
    } else if (!strcmp(what, "moved")) {
        if (geteuid() == 0) {
            CHECK(chmod("folder", 0700) == 0);
            pid_t pid = fork();
            CHECK(pid >= 0);
            if (pid == 0) {
                CHECK(setresuid(NOBODY, NOBODY, NOBODY) == 0);
                again(inode, "out of reach");
            }
            CHECK(succeeds(pid));
        }
        CHECK(unlink("folder/moved") == 0);
        text_is("folder/moved (deleted)");
        again(inode, "deleted");
    }
    return 0;
}
