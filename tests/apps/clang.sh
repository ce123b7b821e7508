# clang: a C and a C++ project, two compilers at a time.
# Packages: clang make
# Slow.
mkdir source
for i in $(seq 40); do
    printf '#include <stdio.h>\n#include <stdlib.h>\n#include <string.h>\nint f%d(int x) { char *p = malloc(%d); memset(p, x, %d); int y = p[0] + %d; free(p); return y; }\n' $i $i $i $i >source/f$i.c
done
{
    printf 'extern "C" {\n'
    for i in $(seq 40); do printf 'int f%d(int);\n' $i; done
    printf '}\n#include <iostream>\n#include <thread>\n#include <vector>\n#include <atomic>\nint main() { std::atomic<int> sum{0}; std::vector<std::thread> all;\n'
    for i in $(seq 40); do printf 'all.emplace_back([&] { sum += f%d(1); });\n' $i; done
    printf 'for (auto &t : all) t.join(); std::cout << sum << "\\n"; }\n'
} >source/main.cc
cat >Makefile <<'make'
objects := $(patsubst source/%.c,%.o,$(wildcard source/*.c)) main.o
program: $(objects)
	@clang++ -pthread -o $@ $^
%.o: source/%.c
	@clang -O2 -Wall -c $< -o $@
main.o: source/main.cc
	@clang++ -O1 -std=c++17 -c $< -o $@
make
make -j2
./program
make -q && echo 'nothing to do'
cat *.o | md5sum
clang -xc -S -emit-llvm -O2 - -o - <<<'int f(int x) { return x * 2; }' | grep -c define
rm -f ./*.o program
