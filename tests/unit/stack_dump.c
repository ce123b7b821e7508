/* Writes the stack that it was given: the address of argc, the end of the stack, and all bytes between. */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

int main(int argc, char **argv) {
    uintptr_t bounds[2] = {(uintptr_t)(argv - 1), 0};
    char line[512];
    FILE *maps = fopen("/proc/self/maps", "r");
    while (fgets(line, sizeof line, maps))
        if (strstr(line, "[stack]"))
            sscanf(line, "%*lx-%lx", &bounds[1]);
    fclose(maps);
    fwrite(bounds, sizeof bounds, 1, stdout);
    fwrite((void *)bounds[0], bounds[1] - bounds[0], 1, stdout);
    return argc != (int)*(uintptr_t *)bounds[0];
}
