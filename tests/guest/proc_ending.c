/* /proc of children that end while it is read: what is left of them is shown. */
#include "children.h"

int main(void) {
    static const char *const names[] = {"stat", "maps", "status"};
    for (int i = 0; i < 600; i++) {
        pid_t pid = fork();
        if (pid == 0) _exit(0);
        char name[40], text[4096];
        snprintf(name, sizeof name, "/proc/%d/%s", pid, names[i % 3]);
        for (int k = 0; k < 3; k++) {
            int fd = open(name, O_RDONLY);
            CHECK(fd >= 0 && read(fd, text, sizeof text) >= 0 && close(fd) == 0);
        }
        CHECK(status_of(pid) == 0);
    }
}
