/* What /proc says of a process's own resident memory: in one that was started, in its children, and in what they execute. */
#include "children.h"

enum { PAGES = 256, ROUGHLY = 64 /* the kernel counts by CPU */ };

/* Pages, by /proc/self/statm. */
static long resident(void) {
    char *text = read_file("/proc/self/statm", NULL), *at;
    strtol(text, &at, 10);
    long pages = strtol(at, NULL, 10);
    free(text);
    return pages;
}

/* Kilobytes, by /proc/self/status. */
static long status(const char *key) {
    char *text = read_file("/proc/self/status", NULL), *at = strstr(text, key);
    CHECK(at);
    long value = atol(at + strlen(key));
    free(text);
    return value;
}

static int grows_by_what_is_touched(void) {
    char *memory = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(memory != MAP_FAILED && (madvise(memory, PAGES * PAGE, MADV_NOHUGEPAGE) == 0 || errno == EINVAL));
    long anonymous = status("RssAnon:"), total = resident();
    CHECK(total > 8 && 4 * total >= anonymous);
    for (int i = 0; i < PAGES; i++) memory[i * PAGE] = 1;
    long grown = status("RssAnon:") - anonymous;
    CHECK(grown > 4 * (PAGES - ROUGHLY) && grown < 4 * (PAGES + ROUGHLY));
    CHECK(resident() - total > PAGES - ROUGHLY);
    long most = status("VmRSS:");
    CHECK(most >= 4 * PAGES && status("VmHWM:") >= most);
    CHECK(munmap(memory, PAGES * PAGE) == 0);
    return 0;
}

static int executes(void) {
    execl("/proc/self/exe", "proc_resident", "again", NULL);
    return 1;
}

int main(int argc, char **argv) {
    (void)argv;
    CHECK(grows_by_what_is_touched() == 0);
    if (argc > 1) return 0;
    CHECK(succeeds(start(grows_by_what_is_touched)));
    CHECK(succeeds(start(executes)));
    CHECK(succeeds(start(grows_by_what_is_touched))); /* by C, without Python */
}
