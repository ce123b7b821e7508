/* For each line of hexadecimal digits: twice the length of the instruction, and one more if it may jump. */
#include <stdio.h>
#include <string.h>

#include "sim_length.h"

int main(void) {
    char line[64];
    while (fgets(line, sizeof line, stdin)) {
        uint8_t code[32];
        size_t size = strcspn(line, "\n") / 2;
        bool jumps;
        for (size_t i = 0; i < size; i++) sscanf(line + 2 * i, "%2hhx", &code[i]);
        for (size_t cut = 0; cut < size; cut++)
            if (instruction_length(code, cut, &jumps)) return 1; /* it is not whole */
        printf("%zu\n", 2 * instruction_length(code, size, &jumps) + jumps);
    }
    return 0;
}
