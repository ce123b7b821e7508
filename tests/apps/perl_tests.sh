# Perl's own core tests, of the language, input and output, processes and signals, by the installed perl.
# Packages: perl
# Sources: perl
# Slow.
cp -a "$PERL/t" "$PERL/regen" "$PERL/TestInit.pm" "$PERL/MANIFEST" .
mkdir lib
cp -rL /usr/share/perl/5.*.*/. lib
cp -rL /usr/lib/x86_64-linux-gnu/perl/5.*.*/. lib
cp -rL /usr/lib/x86_64-linux-gnu/perl-base/. lib
ln -s /usr/bin/perl t/perl
cd t
./perl harness base/*.t cmd/*.t comp/*.t io/*.t opbasic/*.t op/*.t mro/*.t lib/*.t run/*.t 2>&1 | sed '/^Files=/s/, *[0-9]* *wallclock.*//'
cd ..
rm -rf t lib regen
