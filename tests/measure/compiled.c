/* Sorts, formats, parses: some ten thousand instructions of a compiler's. */
#include <stdio.h>
#include <stdlib.h>

enum { COUNT = 40 };

static int ascending(const void *a, const void *b) { return *(const int *)a - *(const int *)b; }

int main(void) {
    static int numbers[COUNT];
    unsigned x = 1;
    for (int i = 0; i < COUNT; i++) numbers[i] = (x = x * 1103515245 + 12345) >> 16 & 0x7fff;
    qsort(numbers, COUNT, sizeof *numbers, ascending);
    char text[64];
    double sum = 0;
    for (int i = 0; i < COUNT; i += 10) {
        snprintf(text, sizeof text, "%d %.3f", numbers[i], numbers[i] / 3.0);
        sum += strtod(text, NULL);
    }
    printf("%s %g\n", text, sum);
    return 0;
}
