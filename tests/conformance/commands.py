"""Commands that must do in a guest what they do natively. A line is a command, split as a shell would; `< FILE` is its input.

Only what is one process: nothing here may fork.
"""

# ruff: noqa: E501
from __future__ import annotations

# For the static and the dynamic busybox: the applet and its arguments.
BUSYBOX = r"""
ls -lR
ls -la /usr/bin
ls -l absent dir
find . -type f -size +10k
find . -name 'many-*' -newer left
find dir -type l -o -perm 600
grep -r needle dir
grep -rc needle dir
grep -n -i BETA lines.txt
grep nothing-like-it lines.txt
sort lines.txt
sort -n -r numbers
sort -t , -k 3 -o sorted table.csv
uniq -c lines.txt
tar -cf all.tar dir left right link
tar -tvf all.tar
gzip random.bin
gzip -c lines.txt
zcat absent.gz
bzip2 -k lines.txt
sha256sum lines.txt random.bin sparse
sha512sum random.bin
md5sum lines.txt absent
dd if=random.bin of=copy bs=1000 skip=3 seek=5 count=100 conv=notrunc
dd if=/dev/zero of=zeroes bs=64k count=20
awk '{ n[$1] += $2 } END { for (k in n) print k, n[k] | "cat >&2" }' /dev/null
awk -F , '{ s += $3 } END { printf "%.4f %d\n", s, NR }' table.csv
sed -n 's/alpha \([0-9]*\)/[\1]/p' lines.txt
sed -i -e '/beta/d' -e '1i first' lines.txt
cmp random.bin sparse
cmp lines.txt link
cmp -l left right
diff left right
od -A x -c left
od -t f8 -N 64 random.bin
hexdump -C right
printf '%5d|%-8s|%x|%.3f|%b\n' 42 text 255 3.14159 'a\tb'
date -u -d @1234567890
date -u -d '2020-01-02 03:04:05' +%A-%j-%s
date -u -d nonsense
stat -c '%n %A %a %s %U %G %h %F %Y %t %T' lines.txt dir link fifo /dev/null
stat -c %x absent
stat -f -c '%T %l' .
cp -a dir copied
cp -r absent here
cp lines.txt dir/sub
mv left dir/moved
mv dir to-dir/inside
rm -r dir
rm absent
rmdir dir
ln -s target new-link
ln lines.txt linked
mkdir -p a/b/c
mkdir -m 700 private
mkdir dir
chmod -R go-rwx dir
chmod u+s,+t script.sh
chown 0:0 left
touch -d '2001-02-03 04:05:06' left
touch -r numbers -c right absent
head -n 5 lines.txt
tail -n 5 lines.txt
tail -c 100 random.bin
wc lines.txt numbers random.bin
cut -d , -f 2 table.csv
tr a-z A-Z < lines.txt
tee one two < left
rev left
tac lines.txt
nl left
fold -w 20 lines.txt
expand left
paste left right
seq 1 7 100
factor 1234567890 97
expr 6 '*' 7
expr length abcdef
basename /a/b/c.txt .txt
dirname /a/b/c.txt
readlink -f to-dir
realpath to-dir
cat lines.txt empty
cat absent
cat dir
echo -e 'a\nb'
env
pwd
id
uname -a
whoami
true
false
test -d dir
test -x lines.txt
sleep 0.01
usleep 1
base64 random.bin
base64 -d < left
uuencode name < left
cpio -t < zeros
strings random.bin
truncate -s 12345 random.bin
fallocate -l 5000 allocated
mkfifo pipe
mknod pipe2 p
du -a -b dir
df /proc
tty
nproc
dc -e '2 100 ^ p'
bc < /dev/null
cal 2 2024
shuf -i 1-1
unexpand -a left
patch -p0 < left
cat /proc/self/cmdline
cat /proc/self/comm
readlink /proc/self/exe
ls /proc/self/fd
no-such-applet
"""

# Debian's own.
COREUTILS = r"""
/bin/ls -lR
ls --color=always -F dir
ls -l --time-style=full-iso absent left
ls -U /proc/self/fd
cp -a dir copied
cp --sparse=always zeros holes
cp --reflink=auto random.bin copy
cp -rv dir/sub/deep to
cp lines.txt dir
cp dir elsewhere
mv -v left dir/moved
mv -n left right
mv dir dir/sub
rm -rfv dir
rm -i absent
rmdir -p dir
ln -sr dir/one relative
ln -f left right
chmod -v 4755 script.sh
chmod -R u=rwX,go= dir
chgrp 0 left
touch -t 200102030405.06 left
touch -h -d @0 link
touch absent/file
stat -c '%n %A %a %s %U %G %h %F %Y %X %W0' lines.txt dir link fifo /dev/null
stat -f -c '%T %l %s' .
sort lines.txt
sort -R --random-source=random.bin lines.txt
sort -k 2n -u lines.txt
sort -m numbers numbers
sort -c numbers
uniq -dc lines.txt
wc -lwcmL lines.txt random.bin
wc < lines.txt
tail -n +490 lines.txt
tail -c +299990 random.bin
head -c -299990 random.bin
head -n -498 lines.txt
cut -c 1-4 --complement left
join left right
join -a 1 -a 2 -o auto -e none left right
paste -d , left right
tr -d '[:digit:]' < lines.txt
tr -cs a-z '\n' < table.csv
seq -w 0.5 0.25 3
seq -s , 20
shuf --random-source=random.bin lines.txt
sha1sum lines.txt
sha224sum random.bin
sha256sum random.bin sparse
sha384sum random.bin
sha512sum -b random.bin
b2sum random.bin
md5sum -c left
cksum random.bin
sum -s random.bin
dd if=random.bin of=out bs=7777 count=10 status=none
dd if=random.bin of=lines.txt conv=notrunc,swab bs=512 seek=2 count=1 status=noxfer
dd if=/dev/zero of=sparse-out bs=1 count=0 seek=1M status=none
dd if=absent
df --output=fstype,target /proc
du -ab dir
du -s --apparent-size .
id
id -Gn
id root
id no-such-user
groups
whoami
logname
date -u -d @1234567890 --rfc-3339=ns
date -u -d 'last monday 2021-05-05' +%F
date -u -d nonsense
date -u -r numbers
env
env -i
printenv HOME
printenv absent
uname -srvmo
arch
nproc
pwd -P
readlink -v left
readlink -e to-dir/two
realpath --relative-to=dir to-dir
cat -A left
cat lines.txt - < left
cat absent left
cat dir
tac random.bin
rev left
od -c -N 50 random.bin
base32 left
base64 -w 40 random.bin
basenc --z85 -d left
fmt -w 30 lines.txt
pr -l 20 left
fold -sw 11 lines.txt
nl -ba left
expand -t 3 left
split -n 7 random.bin part-
csplit -s lines.txt 100 200
truncate -s +5 left
truncate -s 50M huge
mkdir -m 1777 shared
mkdir left
mkfifo -m 600 pipe
mknod node p
test -s empty
test 3 -gt 2
expr 17 % 5
factor 18446744073709551557
numfmt --to=iec 123456789
printf '%s %d %q\n' a 1 'b c'
echo -n text
tee copy1 copy2 < lines.txt
comm left right
ptx left
tsort left
sync
link left another
unlink left
unlink dir
yes --version
tty
stty -a < /dev/null
hostid
pathchk 'a/b'
dircolors -b
true
false
sleep 0
cat /proc/self/cmdline
cat /proc/self/comm
cat /proc/self/limits
readlink /proc/self/exe
cat /proc/version
"""

OTHERS = r"""
find . -printf '%P %M %s %n %l %y\n'
find . -name 'm*' -delete
find absent
grep -rn --include=*o needle dir
grep -P '^(\w+) \d+ \1$' lines.txt
grep -c '' random.bin lines.txt
grep -f left right
sed -E 's/([a-z]+) ([0-9]+)/\2 \1/' lines.txt
sed -i.bak 2,400d lines.txt
sed -n '$=' lines.txt
gawk '{ n[$1] += $2 } END { PROCINFO["sorted_in"] = "@ind_str_asc"; for (k in n) print k, n[k] }' lines.txt
gawk -F, '{ printf "%08.3f %s\n", $3 * 1000, toupper($2) }' table.csv
gawk 'BEGIN { print strftime("%F %T", 86400, 1), sqrt(2), srand(1), rand() }'
gawk 'BEGIN { while ((getline line < "left") > 0) print line > "written" }'
mawk '{ n[$1]++ } END { for (k in n) t += n[k]; print t }' lines.txt
mawk 'BEGIN { for (i = 0; i < 200000; i++) s += sin(i); print s }'
tar --sort=name -cf all.tar dir left link fifo sparse hard
tar -cvf - dir/sub
tar -tf absent.tar
gzip -9nk random.bin lines.txt
gzip -dc lines.txt
bzip2 -k lines.txt
xz -T1 -k random.bin
xz -l absent
file lines.txt random.bin script.sh link dir fifo /bin/sh
diff -u left right
diff -r dir to-dir
cmp random.bin zeros
setfattr -n user.note -v value left
getfattr -d left
sqlite3 :memory: 'create table t(a,b); insert into t values(1,2),(3,4); select sum(a*b), sqlite_version() is null from t'
sqlite3 data.db 'create table t(a primary key, b); insert into t select value, hex(value) from generate_series(1,2000); select count(*), max(b) from t'
perl -e 'print join(",", sort { $a <=> $b } map { $_ * 7 % 31 } 1..30), "\n"'
perl -ne '$n{$1}++ while /(\w+)/g; END { print "$_ $n{$_}\n" for sort keys %n }' lines.txt
perl -MDigest::SHA=sha256_hex -MPOSIX=floor,strftime -e 'print sha256_hex("x" x 100000), floor(3.7), strftime("%F", gmtime 0), "\n"'
perl -e 'open F, ">", "out" or die; printf F "%s\n", join ":", unpack("NnCa3", pack("NnCa3", 1, 2, 3, "abc")); close F; chmod 0640, "out"; utime 1, 2, "out"; rename "out", "renamed"'
perl -e 'opendir D, "dir"; print join(" ", sort readdir D), "\n"; print -s "random.bin", " ", (stat "left")[3], "\n"; die "the end\n"'
perl -e 'my @a = (1) x 2_000_000; my $s = 0; $s += $_ for @a; print "$s\n"; exit 42'
perl -e 'kill TERM => $$; sleep 10'
lua5.4 -e 'local t = {} for i = 1, 100000 do t[#t + 1] = i * i end print(#t, t[#t], string.format("%5.2f %q", math.pi, "a\nb"))'
lua5.4 -e 'for l in io.lines("left") do print(l:upper():reverse()) end print(io.open("absent"))'
lua5.4 -e 'local f = io.open("out", "w") f:write(("x"):rep(100000)) f:close() print(os.rename("out", "new"), os.remove("absent"), os.time{year=2020,month=1,day=1,hour=12})'
lua5.4 -e 'print(coroutine.wrap(function() for i = 1, 3 do coroutine.yield(i) end end)(), collectgarbage("count") > 0) error("no")'
lua5.4 -e 'os.exit(7)'
readelf -aW /bin/true
objdump -d --no-show-raw-insn /bin/true
nm -D /bin/ls
strings -n 8 /bin/true
size /bin/ls /bin/true
as -o object.o /dev/null
getconf OPEN_MAX
getconf ARG_MAX
getconf CHILD_MAX
getconf _NPROCESSORS_ONLN
locale
locale -a
getent passwd root
hostname
bash -c 'i=0; while ((i < 20000)); do ((i++)); done; echo $i'
bash -c 'declare -A n; while read -r word number rest; do ((n[$word] += number)); done < lines.txt; for k in "${!n[@]}"; do echo "$k ${n[$k]}"; done'
bash -c 'mapfile -t a < lines.txt; echo ${#a[@]} "${a[499]}" "${a[@]: -2:1}"; printf "%s\n" "${a[@]//alpha/ALPHA}" > out'
bash -c 'x=text; [[ $x =~ t(.)xt ]] && echo "${BASH_REMATCH[1]}" ${x^^} ${x/e/E} ${#x} $((16#ff)) {1..5}'
bash -c 'shopt -s globstar nullglob; echo ** .h* dir/[a-z]*; cd to-dir && pwd && pwd -P; echo ~ $OLDPWD'
bash -c 'echo out; echo err >&2; exec 3>file 4<left; read -u 4 line; echo "$line" >&3; cat 2>/dev/null <&- || exit 3' bash
bash -c 'read -r a b <<< "here string"; echo $b; cat=$(< left); echo ${#cat}'
bash -c 'umask 027; > made; mkdir() { command -v mkdir; }; mkdir; type cd; echo $- $# $0 $BASH_VERSION'
bash -c 'trap "echo trapped" TERM; kill -TERM $$; trap "echo exit" EXIT; exit 9'
bash -c 'kill -KILL $$'
bash -c 'kill -SEGV $$'
bash -c 'exit 255'
bash -c 'ulimit -a; ulimit -Ha'
bash -c 'echo x > /dev/full'
bash -c 'echo x > dir'
bash -c 'exec /bin/echo exec of another program'
bash -c 'no-such-command-at-all'
bash -c 'if then'
bash -c 'printf -v t "%(%F)T" 0; echo $t $((RANDOM >= 0)) ${SECONDS} $PPID' -x
bash -c 'set -o pipefail; set -e; false; echo not reached'
bash -c 'while :; do ((n++ > 5)) && break; done; case $n in [0-9]) echo digit;; esac; select x in; do :; done' bash
bash script.sh
bash absent.sh
./script.sh
dash -c 'i=0; while [ $i -lt 1000 ]; do i=$((i+1)); done; echo $i; . ./script.sh; read x < left; echo "$x"'
"""

PYTHON = {
    "hashlib": """
import hashlib
for name in sorted(hashlib.algorithms_guaranteed - {"shake_128", "shake_256"}):
    print(name, hashlib.new(name, b"x" * 1000000).hexdigest())
print(hashlib.scrypt(b"password", salt=b"salt", n=16384, r=8, p=1).hex())
""",
    "json": """
import json
data = {str(i): [i / 7, None, True, "\\u00e4" * (i % 5), {"k": [i] * (i % 3)}] for i in range(5000)}
text = json.dumps(data, sort_keys=True, indent=1)
assert json.loads(text) == data
open("data.json", "w").write(text)
print(len(text))
json.loads("{")
""",
    "sqlite3": """
import sqlite3
db = sqlite3.connect("data.db")
db.execute("pragma journal_mode=wal")
db.execute("create table t (k integer primary key, v text)")
with db:
    db.executemany("insert into t values (?, ?)", ((i, str(i) * 10) for i in range(5000)))
try:
    with db:
        db.execute("delete from t")
        raise KeyError
except KeyError:
    pass
print(db.execute("select count(*), sum(k), max(v) from t where v like '%7%'").fetchall())
db.close()
""",
    "files": """
import os, shutil, tempfile, stat, glob
print(sorted(glob.glob("**/*", recursive=True)))
shutil.copytree("dir", "tree", symlinks=True)
shutil.make_archive("archive", "tar", "dir")
os.remove("archive.tar")
shutil.rmtree("dir")
with tempfile.TemporaryFile() as f, tempfile.NamedTemporaryFile(dir=".") as g:
    f.write(b"x" * 100000); g.write(b"y"); print(f.tell(), os.path.exists(g.name))
os.setxattr("left", "user.x", b"value"); print(os.getxattr("left", "user.x"), os.listxattr("left"))
print(os.stat("random.bin").st_size, stat.filemode(os.lstat("link").st_mode), os.readlink("link"), os.access("fifo", os.X_OK))
os.utime("right", ns=(123456789, 987654321)); os.truncate("numbers", 10); os.posix_fallocate(os.open("new", os.O_CREAT | os.O_RDWR), 0, 999)
print([e.name for e in sorted(os.scandir("."), key=lambda e: e.name) if e.is_dir()], os.getcwd() == os.path.realpath("."))
os.open("absent/x", os.O_RDONLY)
""",
    "memory": """
import mmap, ctypes, array, struct
with open("random.bin", "r+b") as f, mmap.mmap(f.fileno(), 0) as m:
    m[1000:1010] = b"0123456789"; m.flush(); print(m.find(b"0123456789"), m[-1])
m = mmap.mmap(-1, 1 << 26); m[12345678] = 7; print(m[12345678], sum(m[:1000])); m.close()
big = bytearray(1 << 25); big[::4096] = b"x" * (1 << 13); print(big.count(b"x"))
print(ctypes.CDLL(None).getppid() > 0, ctypes.sizeof(ctypes.c_long))
callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_int), ctypes.POINTER(ctypes.c_int))(lambda a, b: a[0] - b[0])
numbers = (ctypes.c_int * 5)(5, 3, 1, 4, 2); ctypes.CDLL(None).qsort(numbers, 5, 4, callback); print(list(numbers))
try: bytearray(1 << 60)
except MemoryError: print("MemoryError")
""",
    "system": """
import os, sys, time, resource, platform, locale, pwd, select, signal, io
print(sys.argv, sys.version, platform.machine(), platform.system(), sys.flags.utf8_mode, locale.getlocale())
print(os.uname(), os.getuid(), os.getgroups(), pwd.getpwuid(os.getuid()).pw_name, os.cpu_count(), os.getpriority(0, 0))
print(resource.getrlimit(resource.RLIMIT_NOFILE), resource.getrlimit(resource.RLIMIT_STACK), os.sysconf("SC_PAGE_SIZE"))
r, w = os.pipe(); os.write(w, b"x"); print(select.select([r], [w], [], 1) == ([r], [w], [])); p = select.epoll(); p.register(r); print(p.poll(1))
a = time.monotonic(); time.sleep(0.01); print(time.monotonic() - a >= 0.01, time.strftime("%F", time.gmtime(0)))
print(sorted(map(int, os.listdir("/proc/self/fd"))), os.readlink("/proc/self/exe"), open("/proc/self/comm").read())
print(sorted(os.environ.items()), len(os.urandom(16)), os.get_terminal_size.__name__, sys.stdin.isatty(), sys.stdout.fileno())
sys.exit("said on stderr")
""",
    "compress": """
import zlib, bz2, lzma, base64, random, pickle, decimal, fractions, statistics, re
data = open("random.bin", "rb").read() + open("lines.txt", "rb").read() * 20
for m in zlib, bz2, lzma:
    c = m.compress(data); print(m.__name__, len(c), zlib.crc32(c)); assert m.decompress(c) == data
random.seed(1); print(random.random(), random.sample(range(1000), 5), statistics.stdev(range(100)))
decimal.getcontext().prec = 200; print(decimal.Decimal(2).sqrt(), fractions.Fraction(1, 3) ** 50)
print(len(re.findall(rb"(\\w+) (\\d+) \\1", data)), base64.b85encode(pickle.dumps(list(range(100)))))
print(sum(x * x for x in map(float, range(300000))), 3 ** 2000 % 10 ** 50)
""",
    "error": "def f(n): return 1 / n\nf(0)",
    "signal": "import os, signal; os.kill(os.getpid(), signal.SIGTERM)",
    "abort": "import os; os.abort()",
}
