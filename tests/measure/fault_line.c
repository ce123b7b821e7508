/* A fault leaves a block in its midst: gcov, which counts at the block's start, cannot tell. */
#include <setjmp.h>
#include <signal.h>

static sigjmp_buf back;

static void caught(int number) {
    siglongjmp(back, number);
}

static int load(volatile int *p) {
    int n = 1;
    n += *p; /* faults */
    n *= 2;  /* not executed */
    return n; /* not executed */
}

int main(void) {
    signal(SIGSEGV, caught);
    if (!sigsetjmp(back, 1)) /* twice */
        return load((int *)8);
    return 0;
}
