# Ruby's own core tests: the language, its classes, input and output, processes, signals, threads, sockets, terminals, distributed objects.
# Packages: ruby
# Sources: ruby3.1
# Slow.
export RUBY_TEST_TIMEOUT_SCALE=10
left=$RUBY3_1/debian/tests/excludes # what needs more than the installed ruby, as Debian's own run of the tests has it
cp -a "$RUBY3_1/test" "$RUBY3_1/tool" .
ruby test/runner.rb -v --show-skip --seed=1 --excludes-dir=test/excludes --excludes-dir="$left/any" --excludes-dir="$left/autopkgtest" --name='!/memory_leak/' \
    test/ruby test/drb test/etc test/fiber test/fileutils test/io test/monitor test/socket test/zlib \
    test/test_{find,open3,pstore,pty,syslog,tempfile,time,timeout,tmpdir,weakref}.rb >"$HOME/printed" 2>&1 || echo "status $?"
sed -nE 's/^\[ *[0-9]+\/[0-9]+\] (.*) = [0-9.]+ s$/\1/p; /^ +[0-9]+\) /{N; s/^ +[0-9]+\) (.*):\n([^ ]*).*/\2 \1/p}; s/ [0-9]+ assertions,//p' "$HOME/printed" | sort
rm -rf test tool
