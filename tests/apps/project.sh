# A C project of 100 files, two of them compiled at a time; a second make has nothing to do, a third believes one to be new.
mkdir src
for i in $(seq 1 100); do
    cat >"src/unit$i.c" <<end
#include "all.h"
#include <stdlib.h>
#include <string.h>
static int compare(const void *a, const void *b) { return *(const int *)a - *(const int *)b; }
int unit$i(int seed)
{
    int values[$((i + 3))];
    for (int k = 0; k < $((i + 3)); k++)
        values[k] = (seed = seed * 1103515245 + 12345) >> 8;
    qsort(values, $((i + 3)), sizeof values[0], compare);
    return values[$i] ^ (int)strlen("$i") ^ __LINE__;
}
end
    echo "int unit$i(int);" >>src/all.h
done
{
    echo '#include "all.h"'
    echo '#include <stdio.h>'
    echo 'int main(void) { int sum = 0;'
    for i in $(seq 1 100); do echo "    sum += unit$i($i);"; done
    echo '    printf("%d\n", sum); return 0; }'
} >src/main.c
cat >Makefile <<'end'
SOURCES := $(wildcard src/*.c)
OBJECTS := $(SOURCES:src/%.c=build/%.o)
CFLAGS := -O1 -g -MMD -fPIC

all: program program-shared

program: build/main.o build/libunits.a
	$(CC) -o $@ $^

program-shared: build/main.o libunits.so
	$(CC) -o $@ $< -L. -lunits -Wl,-rpath,'$$ORIGIN'

build/libunits.a: $(filter-out build/main.o,$(OBJECTS))
	rm -f $@
	$(AR) rcs $@ $^

libunits.so: $(filter-out build/main.o,$(OBJECTS))
	$(CC) -shared -o $@ $^

build/%.o: src/%.c | build
	$(CC) $(CFLAGS) -c -o $@ $<

build:
	mkdir $@

-include $(OBJECTS:.o=.d)
end
make -j2 | sort
./program
./program-shared
make -j2
make -j2 -W src/unit7.c program >rebuilt
wc -l rebuilt
