# Perl with processes.
cat >processes.pl <<'end'
use strict;
use warnings;
use POSIX qw(:sys_wait_h);
$| = 1;
print "system: ", system("echo from system; exit 3") >> 8, "\n";
print "list: ", system("sh", "-c", "exit 4") >> 8, "\n";
print "absent: ", system("/absent/program"), " $!\n";
my $status = system("kill -TERM \$\$");
print "signal: ", $status & 127, "\n";
print "backticks: ", `seq 5 | tr '\\n' ' '`, "\n";
my @lines = qx(printf 'a\\nb\\n');
print "lines: ", scalar(@lines), " status $?\n";
open(my $in, "-|", "seq", "1000") or die;
my $sum = 0;
$sum += $_ while <$in>;
close $in;
print "sum $sum\n";
open(my $out, "|-", "sort -rn | head -n 2") or die;
print $out "$_\n" for 1 .. 500;
close $out;
my $pid = open(my $child, "-|") // die;
if (!$pid) { print "from the child of open\n"; exit 6 }
print <$child>;
close $child;
print "its status ", $? >> 8, "\n";
my @pids;
for my $n (1 .. 10) {
    my $pid = fork() // die;
    POSIX::_exit($n) if !$pid;
    push @pids, $pid;
}
print "ended: ", join(" ", map { waitpid($_, 0); $? >> 8 } @pids), "\n";
print "no more: ", wait(), " $!\n";
pipe(my $r, my $w);
if (!fork()) { close $r; print $w "through a pipe\n"; close $w; exec "true" }
close $w;
print <$r>;
wait;
my @got;
$SIG{USR1} = sub { push @got, "USR1" };
$SIG{CHLD} = sub { while ((my $p = waitpid(-1, WNOHANG)) > 0) { push @got, "CHLD " . ($? >> 8) } };
kill USR1 => $$;
if (!fork()) { POSIX::_exit(8) }
select(undef, undef, undef, 0.05) while @got < 2;
print join(", ", @got), "\n";
$SIG{CHLD} = 'DEFAULT';
my $late = eval { local $SIG{ALRM} = sub { die "timed out\n" }; alarm 1; sleep 50; 1 };
print "alarm: $@";
$SIG{CHLD} = 'IGNORE';
print "ignored children: ", system("true"), " $!\n";
$SIG{CHLD} = 'DEFAULT';
use Socket;
socketpair(my $a, my $b, AF_UNIX, SOCK_STREAM, PF_UNSPEC) or die;
if (!fork()) { close $a; my $line = <$b>; syswrite $b, uc $line; POSIX::_exit(0) }
close $b;
syswrite $a, "shout\n";
print scalar <$a>;
wait;
local $ENV{GIVEN} = "by perl";
print `echo \$GIVEN`;
{ local $0 = "renamed"; print `cat /proc/$$/comm` }
END { print "END block, status $?\n" }
exit 2 if !fork();
wait;
exec { "sh" } "other-name", "-c", 'echo "exec as $0"; exit 5';
end
perl processes.pl || echo "status $?"
wait
perl -MFile::Find -e 'find(sub { $n++ if /\.[ch]$/ }, $ENV{HELLO}); print "$n files\n"'
mkdir t
for i in 1 2 3; do printf 'use Test::More tests => 2; ok(1, "one"); is(`echo %d`, "%d\\n", "two");\n' $i $i >t/$i.t; done
prove t 2>&1 | sed 's/, *[0-9.]* *wallclock.*//'
pod2man --name=x --date=now --release=1 --center=c <<<$'=head1 NAME\n\nx - y' | tail -n 3
