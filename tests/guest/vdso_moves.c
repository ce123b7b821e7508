/* The data of one program's vDSO is not the next one's to see where that has its own elsewhere: it starts lower, below a larger stack. */
#include "check.h"
#include <setjmp.h>
#include <signal.h>
#include <sys/resource.h>

static sigjmp_buf back;
static void caught(int number) { siglongjmp(back, number); }

static unsigned long data_at(void) {
    char line[512];
    unsigned long start = 0;
    FILE *maps = fopen("/proc/self/maps", "r");
    CHECK(maps);
    while (!start && fgets(line, sizeof line, maps))
        if (strstr(line, "[vvar]")) sscanf(line, "%lx", &start);
    fclose(maps);
    return start;
}

static int reads(unsigned long address) {
    signal(SIGSEGV, caught);
    if (sigsetjmp(back, 1)) return 0;
    *(volatile char *)address;
    return 1;
}

int main(int argc, char **argv) {
    unsigned long here = data_at();
    CHECK(here && reads(here));
    if (argc == 1) {
        struct rlimit stack;
        char text[32];
        CHECK(getrlimit(RLIMIT_STACK, &stack) == 0);
        stack.rlim_cur = 4l << 30;
        CHECK(setrlimit(RLIMIT_STACK, &stack) == 0);
        sprintf(text, "%lu", here);
        execl("/proc/self/exe", argv[0], text, NULL);
        CHECK(!"execl");
    }
    unsigned long before = strtoul(argv[1], NULL, 10);
    CHECK(here != before && !reads(before));
    return 0;
}
