# A package is configured, built, tested and installed as its INSTALL says.
cp -a "$HELLO" hello
cd hello
./configure --prefix="$PWD/../installed"
make
make check
make install
../installed/bin/hello --greeting='from an installed program'
