/* Writes its arguments, each with its NUL. */
#include <stdio.h>
#include <string.h>

int main(int argc, char **argv) {
    for (int i = 0; i < argc; i++)
        fwrite(argv[i], strlen(argv[i]) + 1, 1, stdout);
}
