# The C and C++ compilers and what they start: preprocessor, assembler, linker, collect2, link-time optimisation; the results run.
cat >hello.c <<'end'
#include <stdio.h>
int main(int argc, char **argv) { printf("hello from %s with %d arguments\n", __FILE__, argc - 1); return argc; }
end
gcc -c hello.c
gcc -o hello hello.o
./hello a b || echo "status $?"
gcc -pipe -static -s -o hello-static hello.c && ./hello-static || echo "status $?"
gcc -static-pie -o hello-pie hello.c && ./hello-pie || echo "status $?"
gcc -m64 -O3 -flto=1 -ffat-lto-objects -frandom-seed=1 -c hello.c -o lto.o && gcc -flto=1 -O3 lto.o -o hello-lto && ./hello-lto || echo "status $?"
gcc -save-temps=obj -c hello.c -o saved.o
gcc -E -dM - </dev/null | grep -c define
gcc -print-prog-name=cc1
gcc -### -c hello.c 2>&1 | grep -c '/cc1 '
gcc -xc - -o stdin <<<'int main(void) { return 3; }' && ./stdin || echo "status $?"
gcc -Wall -c -xc - -o warned.o <<<'int f(void) { int unused; }' 2>&1 | grep -c warning
gcc -c -xc - -o failed.o <<<'int f(void) { return x; }' 2>/dev/null || echo "status $? $(ls failed.o 2>/dev/null)"
gcc hello.o -labsent 2>/dev/null || echo "status $?"
cat >words.cc <<'end'
#include <algorithm>
#include <iostream>
#include <map>
#include <stdexcept>
#include <string>
int main() {
    std::map<std::string, int> count;
    for (std::string word; std::cin >> word;) count[word]++;
    for (auto &[word, n] : count) std::cout << word << ' ' << n << '\n';
    try { count.at("absent"); } catch (const std::out_of_range &) { std::cout << "caught\n"; }
}
end
g++ -O1 -o words words.cc
echo b a c a b a | ./words
gcc -g -O0 -fsanitize=undefined -xc - -o overflow <<<'int main(int argc, char **argv) { int x = 2147483647; return (x + argc) & 1; }' && ./overflow 2>&1 | grep -c overflow
gcc --coverage -frandom-seed=1 -o covered hello.c && ./covered && gcov -t covered-hello.gcda 2>/dev/null | grep -c '####' || echo "status $?"
ar rcsD libhello.a hello.o lto.o
ranlib -D libhello.a
nm -s libhello.a | grep -c ' in '
strip -o stripped hello
objcopy --only-keep-debug hello debug
cpp -P <<<'#define X 42
X'
rm -f -- *.gcda
ldd hello | wc -l
