# A package is configured, built, tested and installed as its INSTALL says.
# Slow.
cp -a "$HELLO" hello
cd hello
./configure --prefix="$PWD/../installed"
sed -i 's|/cc[[:alnum:]]\{6\}\.o:|/ccXXXXXX.o:|' config.log # the linker names the compiler's temporary file
make
make check
make install
../installed/bin/hello --greeting='from an installed program'
