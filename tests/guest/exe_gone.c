/* /proc/self/exe leads to the program though its name is gone, and though the user may no longer go where it lies. */
#include "check.h"

#include <sys/stat.h>
#include <sys/wait.h>

static void copy_to(const char *name) {
    size_t size;
    char *text = read_file("/proc/self/exe", &size);
    close(make_file(name, text, size));
    CHECK(chmod(name, 0755) == 0);
    free(text);
}

static void run(const char *name, const char *step) {
    pid_t pid = fork();
    if (!pid) {
        execl(name, "exe_gone", step, NULL);
        _exit(2);
    }
    int status;
    CHECK(waitpid(pid, &status, 0) == pid && status == 0);
}

int main(int argc, char **argv) {
    char link[PATH_MAX] = "";
    if (argc == 1) {
        CHECK(mkdir("inside", 0755) == 0);
        copy_to("inside/copy");
        run("inside/copy", "unlink");
        if (geteuid() == 0) {
            copy_to("inside/copy");
            run("inside/copy", "shut");
        }
        return 0;
    }
    if (!strcmp(argv[1], "unlink")) CHECK(unlink("inside/copy") == 0);
    if (!strcmp(argv[1], "shut")) CHECK(chmod("inside", 0700) == 0 && setresuid(1000, 1000, 1000) == 0);
    if (!strcmp(argv[1], "last")) return 0;
    struct stat self;
    CHECK(readlink("/proc/self/exe", link, sizeof link - 1) > 0 && strstr(link, "inside/copy"));
    if (geteuid() == 0) CHECK(stat("/proc/self/exe", &self) == 0 && self.st_size > 0);
    run("/proc/self/exe", "last");
    execl("/proc/self/exe", "exe_gone", "last", NULL);
    CHECK(!"execl came back");
}
