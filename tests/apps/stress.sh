# stress-ng: a little of each of its stressors, which make a system's calls in all the ways that there are, with its own checks.
# Packages: stress-ng
# Slow.
#
# Left out is what changes the machine, takes all of its memory, or may not be made at all here (vm-segv traces its child); and
# mutex, which natively, too, now and then has done its work before it has all of its threads.
stressors="
    access af-alg affinity aio aiol alarm atomic bad-altstack bind-mount branch bsearch cache cacheline cap chattr chdir
    chmod chown chroot clock clone close context copy-file cpu crypt cyclic daemon dccp dentry dev-shm dir dnotify dup
    dynlib efivar enosys env epoll eventfd exec exit-group fallocate far-branch fault fcntl fiemap fifo file-ioctl
    filename flock flushcache fork forkheavy fp fp-error fpunch fsize fstat full funccall funcret futex get getdent
    getrandom goto gpu hash hdd heapsort hsearch icache icmp-flood idle-page inode-flags inotify io ioprio ipsec-mb
    itimer jpeg judy kcmp key kill klog l1cache landlock lease link list llc-affinity loadavg locka lockbus lockf lockofd
    longjmp lsearch madvise matrix matrix-3d membarrier memcpy memfd memhotplug memrate memthrash mergesort mincore
    misaligned mknod mlock mmap mmapaddr mmapfixed mmapfork mmaphuge mprotect mq mremap msg msync msyncmany munmap
    nanosleep netdev netlink-task nice nop null open pagemove pageswap pci personality peterson pidfd ping-sock pipe
    pipeherd pkey plugin poll prctl prefetch priv-instr procfs pthread ptrace pty qsort race-sched radixsort randlist
    rawudp readahead regs remap rename resched revio ring-pipe rlimit rmap rotate rseq rtc schedpolicy sctp seal seccomp
    secretmem seek sem sem-sysv sendfile session set shellsort shm shm-sysv sigabrt sigchld sigfd sigfpe sigio signal
    signest sigpending sigpipe sigq sigrt sigsegv sigsuspend sigtrap skiplist sleep sock sockabuse sockdiag sockfd
    sockpair sockmany softlockup spawn sparsematrix splice str stream switch symlink sync-file syncload syscall sysinfo
    tee timer timerfd tlb-shootdown tmpfs touch tree tsc tsearch udp udp-flood unshare urandom userfaultfd usersyscall
    utime vdso vecfp vecmath vecshuf vecwide verity vfork vforkmany vm-addr vm-rw wait waitcpu wcs xattr yield zero
    zombie
"
ulimit -n 1024
for stressor in $stressors; do
    status=0
    stress-ng --seed 1 "--$stressor" 1 "--$stressor-ops" 3 --timeout 10 --verify >log 2>&1 || status=$?
    echo "$stressor $status"
done
rm -f log
