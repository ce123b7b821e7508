/* Known ways out of a tree, to a file that must not be written, and to a network: each is tried, and says whether it held.
 *
 * escapes OUTSIDE ABSTRACT PORT KEY HOST_PID [TRICK...]: OUTSIDE is a folder of the host's with a file `secret`; ABSTRACT the name of
 * an abstract socket, PORT a port of the loopback and KEY a shared memory segment there; HOST_PID a process outside.
 * Each trick runs in a child, is true if it got out, and held if it was not or died. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/if_packet.h>
#include <linux/io_uring.h>
#include <linux/keyctl.h>
#include <linux/openat2.h>
#include <linux/perf_event.h>
#include <linux/reboot.h>
#include <linux/sched.h>
#include <linux/vm_sockets.h>
#include <net/if.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fanotify.h>
#include <sys/ioctl.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

static const char *outside_, *abstract_;
static int port_, key_, host_pid_;
enum { LONG = 4096, ROUNDS = 3000 };

/* Whether a path that is taken from `at` leads to the secret. */
static bool leads_from(int at, const char *format, ...) __attribute__((format(printf, 2, 3)));
static bool leads_from(int at, const char *format, ...) {
    char path[LONG], content[16] = "";
    va_list args;
    va_start(args, format);
    vsnprintf(path, sizeof path, format, args);
    va_end(args);
    int fd = openat(at, path, O_RDONLY);
    if (fd < 0) return false;
    bool got = read(fd, content, 6) == 6 && !memcmp(content, "SECRET", 6);
    close(fd);
    return got;
}
#define leads(...) leads_from(AT_FDCWD, __VA_ARGS__)
static const char *up = "../../../../../../../../../../../../../../../..";

/* Whether a folder is, or has above it, one that the secret can be reached from. */
static bool is_outside(int fd) { return leads_from(fd, ".%s/secret", outside_) || leads_from(fd, "%s%s/secret", up, outside_); }

static bool each_process(bool (*look)(int pid)) {
    bool found = false;
    for (int pid = 1; pid < 300; pid++) found |= look(pid);
    return found | look(host_pid_) | look(getppid());
}

/* ---- paths ---- */

static bool plain(void) { return leads("%s/secret", outside_); }
static bool dots(void) { return leads("/%s%s/secret", up, outside_); }
static bool dots_by_folder(void) {
    for (int i = 0; i < 64; i++) chdir("..");
    return leads(".%s/secret", outside_);
}
static bool link_absolute(void) { return !symlink(outside_, "/tmp/absolute") && leads("/tmp/absolute/secret"); }
static bool link_relative(void) {
    char to[LONG];
    snprintf(to, sizeof to, "%s%s", up, outside_);
    return !symlink(to, "/tmp/relative") && leads("/tmp/relative/secret");
}
static bool link_of_proc(void) { return !symlink("/proc/self/root/..", "/tmp/root") && leads("/tmp/root%s/secret", outside_); }

static volatile bool done_;
static void *swap(void *unused) {
    while (!done_) syscall(SYS_renameat2, AT_FDCWD, "/tmp/race/a", AT_FDCWD, "/tmp/race/b", RENAME_EXCHANGE);
    return unused;
}
static bool race(bool (*attempt)(void)) {
    pthread_t other;
    bool got = false;
    if (pthread_create(&other, NULL, swap, NULL)) return false;
    for (int i = 0; i < ROUNDS && !got; i++) got = attempt();
    done_ = true;
    pthread_join(other, NULL);
    return got;
}
static bool through_swapped(void) { return leads("/tmp/race/a/%s%s/secret", up, outside_); }
static bool race_of_a_link(void) {
    mkdir("/tmp/race", 0755), mkdir("/tmp/race/a", 0755);
    return !symlink("..", "/tmp/race/b") && race(through_swapped);
}
static bool from_moved(void) {
    int fd = open("/tmp/race/a/deep/deeper", O_PATH | O_DIRECTORY);
    bool got = fd >= 0 && leads_from(fd, "%s%s/secret", up, outside_);
    close(fd);
    return got;
}
static bool race_of_a_rename(void) {
    mkdir("/tmp/race", 0755), mkdir("/tmp/race/a", 0755), mkdir("/tmp/race/a/deep", 0755),
        mkdir("/tmp/race/a/deep/deeper", 0755);
    mkdir("/tmp/race/b", 0755);
    return race(from_moved);
}
static bool by_openat2(unsigned long long resolve) {
    char path[LONG];
    bool got = false;
    for (int i = 0; i < 2; i++) {
        snprintf(path, sizeof path, "%s%s", i ? up : "", outside_);
        struct open_how how = {.flags = O_PATH, .resolve = resolve};
        int fd = (int)syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof how);
        got |= fd >= 0 && leads_from(fd, "secret");
    }
    return got;
}
static bool openat2_plain(void) { return by_openat2(0); }
static bool openat2_in_root(void) { return by_openat2(RESOLVE_IN_ROOT); }
static bool openat2_magic(void) {
    struct open_how how = {.flags = O_PATH};
    int fd = (int)syscall(SYS_openat2, AT_FDCWD, "/proc/1/root", &how, sizeof how);
    return fd >= 0 && is_outside(fd);
}

/* ---- chroot ---- */

static bool nested_chroot(void) {
    int fd = open("/", O_PATH | O_DIRECTORY);
    if (mkdir("/tmp/cell", 0755) || chroot("/tmp/cell")) return false;
    fchdir(fd);
    for (int i = 0; i < 64; i++) chdir("..");
    return leads(".%s/secret", outside_) || (!chroot(".") && leads("%s/secret", outside_));
}
static bool chroot_by_passed_folder(void) { /* a folder's descriptor over a socket, into a smaller root */
    int pair[2], fd = open("/", O_PATH | O_DIRECTORY);
    char control[CMSG_SPACE(sizeof fd)] = "", byte = 0;
    struct iovec v = {&byte, 1};
    struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);
    c->cmsg_level = SOL_SOCKET, c->cmsg_type = SCM_RIGHTS, c->cmsg_len = CMSG_LEN(sizeof fd);
    memcpy(CMSG_DATA(c), &fd, sizeof fd);
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) || sendmsg(pair[0], &m, 0) < 0 || mkdir("/tmp/cell2", 0755)) return false;
    if (chroot("/tmp/cell2") || recvmsg(pair[1], &m, 0) < 0) return false;
    memcpy(&fd, CMSG_DATA(c), sizeof fd);
    return is_outside(fd);
}

/* ---- /proc ---- */

static bool folder_of(int pid, const char *name) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/%s", pid, name);
    int fd = open(path, O_PATH | O_DIRECTORY);
    bool got = fd >= 0 && is_outside(fd);
    close(fd);
    return got;
}
static bool root_of(int pid) { return folder_of(pid, "root"); }
static bool cwd_of(int pid) { return folder_of(pid, "cwd"); }
static bool task_of(int pid) {
    char name[64];
    snprintf(name, sizeof name, "task/%d/root", pid);
    return folder_of(pid, name);
}
static bool descriptors_of(int pid) {
    char name[32];
    bool got = false;
    for (int fd = 0; fd < 1400; fd++) {
        snprintf(name, sizeof name, "fd/%d", fd);
        got |= folder_of(pid, name);
    }
    return got;
}
static bool proc_roots(void) { return each_process(root_of); }
static bool proc_folders(void) { return each_process(cwd_of); }
static bool proc_tasks(void) { return each_process(task_of); }
static bool proc_descriptors(void) {
    return descriptors_of(1) || descriptors_of(getpid()) || descriptors_of(getppid()) || descriptors_of(host_pid_);
}

/* The file that a process executes, which may be the VMM's: to write to it, or to change its rights, is to be outside. */
static bool changes_program_of(int pid) {
    char path[64];
    struct stat status, own;
    snprintf(path, sizeof path, "/proc/%d/exe", pid);
    unlink("/tmp/program"); /* by a link of another name, which leads to the file that the host executes */
    if (symlink(path, "/tmp/program") || stat("/tmp/program", &status) || stat("/proc/self/exe", &own)) return false;
    if (status.st_ino == own.st_ino && status.st_dev == own.st_dev) return false; /* the tree's own */
    strcpy(path, "/tmp/program");
    int fd = open(path, O_WRONLY);
    return fd >= 0 || !chmod(path, status.st_mode) || !chown(path, (uid_t)-1, (gid_t)-1) || !truncate(path, status.st_size) ||
           !setxattr(path, "user.x", "x", 1, 0);
}
static bool proc_program(void) { return each_process(changes_program_of); }
static bool mapped_files_of(int pid) {
    char path[LONG];
    snprintf(path, sizeof path, "/proc/%d/map_files", pid);
    DIR *folder = opendir(path);
    bool got = false;
    for (struct dirent *e; folder && (e = readdir(folder));) {
        snprintf(path, sizeof path, "/proc/%d/map_files/%.60s", pid, e->d_name);
        int fd = e->d_name[0] == '.' ? -1 : open(path, O_WRONLY);
        got |= fd >= 0;
    }
    return got;
}
static bool proc_mapped_files(void) { return mapped_files_of(1) || mapped_files_of(getppid()); }
static bool memory_of(int pid) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/mem", pid);
    return open(path, O_RDWR) >= 0;
}
static bool proc_memory(void) { return memory_of(1) || memory_of(host_pid_); }
static bool environment_of_others(void) {
    char content[64];
    int fd = open("/proc/1/environ", O_RDONLY);
    return fd >= 0 && read(fd, content, sizeof content) > 0;
}
static bool writes(const char *path, const char *text) {
    int fd = open(path, O_WRONLY);
    return fd >= 0 && write(fd, text, strlen(text)) > 0;
}
static bool core_pattern(void) { return writes("/proc/sys/kernel/core_pattern", "core"); }
static bool modprobe_path(void) { return writes("/proc/sys/kernel/modprobe", "/sbin/modprobe"); }
static bool binfmt(void) { return writes("/proc/sys/fs/binfmt_misc/register", ":x:M::xxxx::/bin/sh:"); }
static bool sysrq(void) { return writes("/proc/sysrq-trigger", "h"); }
static bool uevent_helper(void) { return writes("/sys/kernel/uevent_helper", "/bin/sh"); }
static bool kernel_memory(void) {
    static const char *const names[] = {"/proc/kcore", "/dev/mem", "/dev/kmem", "/dev/port"};
    char content[64];
    bool got = false;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        int fd = open(names[i], O_RDONLY);
        got |= fd >= 0 && read(fd, content, sizeof content) > 0;
    }
    return got;
}

/* ---- descriptors, handles, devices ---- */

static bool inherited_folders(void) {
    bool got = false;
    for (int fd = 3; fd < 1400; fd++) got |= is_outside(fd);
    return got;
}
static bool handles(void) {
    struct {
        struct file_handle head;
        int inode[4];
    } h = {.head = {.handle_bytes = 8, .handle_type = 1}, .inode = {2, 0}};
    int id, mount = open("/", O_RDONLY | O_DIRECTORY);
    bool got = false;
    for (int pass = 0; pass < 2; pass++) {
        int fd = (int)syscall(SYS_open_by_handle_at, mount, &h, O_RDONLY);
        got |= fd >= 0;
        h.head.handle_bytes = sizeof h.inode;
        if (syscall(SYS_name_to_handle_at, AT_FDCWD, "/", &h, &id, 0)) break;
    }
    return got;
}
static bool link_by_descriptor(void) {
    int fd = open("/proc/1/exe", O_PATH);
    return fd >= 0 && !linkat(fd, "", AT_FDCWD, "/tmp/linked", AT_EMPTY_PATH);
}
static bool disk(void) {
    struct stat status;
    char content[512];
    if (stat("/", &status)) return false;
    dev_t devices[] = {status.st_dev, makedev(8, 0), makedev(254, 0), makedev(259, 0)};
    for (size_t i = 0; i < sizeof devices / sizeof *devices; i++) {
        unlink("/tmp/disk");
        if (mknod("/tmp/disk", S_IFBLK | 0600, devices[i])) continue;
        int fd = open("/tmp/disk", O_RDONLY);
        if (fd >= 0 && read(fd, content, sizeof content) > 0) return true;
    }
    return false;
}
static bool disks_in_dev(void) {
    bool got = false;
    DIR *folder = opendir("/dev");
    for (struct dirent *e; folder && (e = readdir(folder));) got |= e->d_type == DT_BLK;
    return got || !access("/dev/kvm", F_OK) || !access("/dev/vda", F_OK);
}
static bool character_device(void) {
    return !mknod("/tmp/mem", S_IFCHR | 0600, makedev(1, 1)) && open("/tmp/mem", O_RDONLY) >= 0;
}
static bool fanotify(void) {
    int fd = fanotify_init(FAN_CLASS_CONTENT, O_RDONLY);
    return fd >= 0 && !fanotify_mark(fd, FAN_MARK_ADD | FAN_MARK_MOUNT, FAN_OPEN, AT_FDCWD, "/");
}

/* ---- mounts and namespaces ---- */

static bool mounts_something(void) {
    mkdir("/tmp/mount", 0755);
    return !mount("proc", "/tmp/mount", "proc", 0, NULL) || !mount("none", "/tmp/mount", "tmpfs", 0, NULL) ||
           !mount("/", "/tmp/mount", NULL, MS_BIND, NULL) || !mount("none", "/tmp/mount", "devtmpfs", 0, NULL) ||
           !mount("none", "/tmp/mount", "cgroup2", 0, NULL) || !mount("none", "/tmp/mount", "sysfs", 0, NULL);
}
static bool mounts_overlay(void) {
    mkdir("/tmp/mount", 0755), mkdir("/tmp/up", 0755), mkdir("/tmp/work", 0755);
    return !mount("none", "/tmp/mount", "overlay", 0, "lowerdir=/,upperdir=/tmp/up,workdir=/tmp/work,userxattr");
}
static bool unmounts(void) {
    return !umount2("/", MNT_DETACH) || !umount2("/proc/sys", MNT_DETACH) || !umount2("/proc", MNT_DETACH) ||
           !umount2("/dev", MNT_DETACH);
}
static bool remounts(void) {
    return !mount(NULL, "/", NULL, MS_REMOUNT | MS_BIND, NULL) || !mount(NULL, "/", NULL, MS_REMOUNT, NULL) ||
           !mount(NULL, "/proc/sys", NULL, MS_REMOUNT | MS_BIND, NULL);
}
static bool pivots(void) {
    mkdir("/tmp/old", 0755);
    return !syscall(SYS_pivot_root, "/", "/tmp/old") || !syscall(SYS_pivot_root, ".", ".");
}
static bool opens_tree(void) { return syscall(SYS_open_tree, AT_FDCWD, "/", OPEN_TREE_CLONE) >= 0; }
static bool moves_mount(void) { return !syscall(SYS_move_mount, AT_FDCWD, "/proc", AT_FDCWD, "/tmp", 0); }
static bool opens_file_system(void) { return syscall(SYS_fsopen, "proc", 0) >= 0; }
static bool sets_mount(void) {
    struct mount_attr attributes = {.attr_clr = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NODEV};
    return !syscall(SYS_mount_setattr, AT_FDCWD, "/", 0, &attributes, sizeof attributes) ||
           !syscall(SYS_mount_setattr, AT_FDCWD, "/proc/sys", 0, &attributes, sizeof attributes);
}
static bool own_user_namespace(void) { return !unshare(CLONE_NEWUSER) || !unshare(CLONE_NEWUSER | CLONE_NEWNS); }
static bool own_mount_namespace(void) { return !unshare(CLONE_NEWNS) || !unshare(CLONE_NEWNET) || !unshare(CLONE_NEWPID); }
static bool child_in_namespace(void) {
    struct clone_args args = {.flags = CLONE_NEWUSER | CLONE_NEWNS, .exit_signal = SIGCHLD};
    long pid = syscall(SYS_clone3, &args, sizeof args);
    if (!pid) _exit(0);
    return pid > 0;
}
static bool enters_namespaces_of(int pid) {
    static const char *const names[] = {"mnt", "user", "pid", "net", "ipc", "uts", "cgroup"};
    char path[64];
    bool got = false;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(path, sizeof path, "/proc/%d/ns/%s", pid, names[i]);
        int fd = open(path, O_RDONLY);
        got |= fd >= 0 && !setns(fd, 0);
        close(fd);
    }
    return got;
}
static bool namespaces(void) { return each_process(enters_namespaces_of); }

/* ---- other processes ---- */

static bool traces(void) { return !ptrace(PTRACE_ATTACH, 1, 0, 0) || !ptrace(PTRACE_SEIZE, host_pid_, 0, 0); }
static bool reads_memory_of(int pid) {
    char byte;
    struct iovec to = {&byte, 1}, from = {(void *)0x400000, 1};
    return (pid == 1 || pid == host_pid_) && (process_vm_readv(pid, &to, 1, &from, 1, 0) >= 0 || errno == EFAULT);
}
static bool memory_of_processes(void) { return each_process(reads_memory_of); }
static bool takes_descriptors(void) {
    bool got = false;
    const int pids[] = {1, host_pid_};
    for (int i = 0; i < 2; i++) {
        int pidfd = (int)syscall(SYS_pidfd_open, pids[i], 0);
        for (int fd = 0; pidfd >= 0 && fd < 16; fd++) got |= syscall(SYS_pidfd_getfd, pidfd, fd, 0) >= 0;
    }
    return got;
}
static bool signals(void) { return !kill(host_pid_, 0) || !kill(host_pid_, SIGUSR1); }
static bool waits_outside(void) { return getppid() == host_pid_ || getsid(host_pid_) >= 0 || getpgid(host_pid_) >= 0; }
static bool priority(void) { return !setpriority(PRIO_PROCESS, (id_t)host_pid_, 5); }
static bool shared_memory(void) {
    int id = shmget(key_, 6, 0);
    const char *at = id < 0 ? (void *)-1 : shmat(id, NULL, SHM_RDONLY);
    return at != (void *)-1 && !memcmp(at, "SECRET", 6);
}
static bool hosts_dev_shm(void) { return leads("/dev/shm/noahpy-secret-%d", host_pid_); }

/* ---- programs ---- */

static bool executes_from_memory(void) { /* a script whose interpreter lies outside */
    char script[LONG], *none[] = {NULL};
    int fd = memfd_create("script", 0), length = snprintf(script, sizeof script, "#!%s/program\n", outside_);
    write(fd, script, (size_t)length);
    int status, pid = fork();
    if (!pid) {
        syscall(SYS_execveat, fd, "", (char *[]){"x", NULL}, none, AT_EMPTY_PATH);
        _exit(1);
    }
    return waitpid(pid, &status, 0) == pid && !status;
}
static bool executes_outside(void) {
    char path[LONG];
    int status, pid = fork();
    if (!pid) {
        for (int i = 0; i < 3; i++) {
            snprintf(path, sizeof path, "%s%s/program", i == 0 ? "" : i == 1 ? up : "/proc/1/root", outside_);
            execl(path, path, NULL);
        }
        _exit(1);
    }
    return waitpid(pid, &status, 0) == pid && !status;
}
static bool old_calls(void) { /* open("/proc/1/root") by the 32-bit call: must not be another kernel's table */
    long result;
    static char path[] = "/proc/1/root";
    __asm__ volatile("int $0x80" : "=a"(result) : "a"(5L), "b"(path), "c"(O_PATH), "d"(0) : "memory", "r8", "r9", "r10", "r11");
    return result >= 0 && is_outside((int)result);
}
static bool x32_calls(void) {
    long fd = syscall(0x40000000 | SYS_open, "/proc/1/root", O_PATH, 0);
    return fd >= 0;
}

/* ---- the kernel ---- */

static bool io_uring(void) {
    struct io_uring_params p = {0};
    return syscall(SYS_io_uring_setup, 4, &p) >= 0;
}
static bool bpf_(void) {
    char attributes[128] = {1, 0, 0, 0, 4, 0, 0, 0, 4, 0, 0, 0, 1};
    return syscall(SYS_bpf, 0, attributes, sizeof attributes) >= 0;
}
static bool perf(void) {
    struct perf_event_attr a = {.type = PERF_TYPE_SOFTWARE, .size = sizeof a};
    return syscall(SYS_perf_event_open, &a, -1, 0, -1, 0) >= 0;
}
static bool userfaults(void) { return syscall(SYS_userfaultfd, 0) >= 0; }
static bool keys(void) {
    return syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING, 0) > 0 ||
           syscall(SYS_add_key, "user", "noahpy", "x", 1, KEY_SPEC_SESSION_KEYRING) > 0;
}
static bool modules(void) { return !syscall(SYS_init_module, "x", 1, "") || !syscall(SYS_delete_module, "none_such", 0); }
static bool clock_(void) {
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return !clock_settime(CLOCK_REALTIME, &t);
}
static bool reboots(void) { return !syscall(SYS_reboot, LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2, LINUX_REBOOT_CMD_CAD_ON, 0); }
static bool host_name(void) {
    char name[65];
    return !gethostname(name, sizeof name) && !sethostname(name, strlen(name));
}
static bool accounts(void) { return !syscall(SYS_acct, "/tmp/acct") || !syscall(SYS_swapon, "/tmp/swap", 0); }
static bool ports(void) { return !syscall(SYS_iopl, 3) || !syscall(SYS_ioperm, 0x80, 1, 1); }
static bool capabilities(void) { /* none of what makes trees, whatever is asked for */
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2];
    if (syscall(SYS_capget, &head, data)) return false;
    data[0].permitted = data[0].effective |= 1u << CAP_SYS_ADMIN;
    return !syscall(SYS_capset, &head, data) || prctl(PR_CAPBSET_READ, CAP_SYS_ADMIN) == 1;
}
static bool types_into_terminal(void) {
    int fd = open("/dev/tty", O_RDWR);
    bool got = false;
    for (int i = -1; i < 3; i++) {
        unsigned long requests[] = {TIOCSTI, 0x1541200005412ul, 0x541c};
        for (int r = 0; r < 3; r++) got |= !ioctl(i < 0 ? fd : i, requests[r], "x");
    }
    return got;
}

/* ---- the network ---- */

static bool connects(int family, const void *address, socklen_t size) {
    int fd = socket(family, SOCK_STREAM, 0);
    struct timeval soon = {2, 0};
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &soon, sizeof soon);
    return fd >= 0 && !connect(fd, address, size);
}
static bool tcp(void) {
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port_), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    return connects(AF_INET, &a, sizeof a);
}
static bool tcp6(void) {
    struct sockaddr_in6 a = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port_), .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    return connects(AF_INET6, &a, sizeof a);
}
static bool abstract(void) {
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    memcpy(a.sun_path + 1, abstract_, strlen(abstract_));
    return connects(AF_UNIX, &a, (socklen_t)(sizeof a.sun_family + 1 + strlen(abstract_)));
}
static bool udp(void) {
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(53), .sin_addr = {htonl(0x01010101)}};
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    return sendto(fd, "x", 1, 0, (void *)&a, sizeof a) >= 0;
}
static bool raw(void) {
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr = {htonl(0x01010101)}};
    int fd = socket(AF_INET, SOCK_RAW, IPPROTO_ICMP);
    return fd >= 0 && sendto(fd, "\10\0\0\0\0\0\0\0", 8, 0, (void *)&a, sizeof a) >= 0;
}
static bool interfaces(void) {
    struct if_nameindex *list = if_nameindex();
    bool got = false;
    for (; list && list->if_name; list++) got |= strcmp(list->if_name, "lo") != 0;
    return got;
}
static bool vsock(void) {
    struct sockaddr_vm a = {.svm_family = AF_VSOCK, .svm_cid = VMADDR_CID_HOST, .svm_port = 1};
    return socket(AF_VSOCK, SOCK_STREAM, 0) >= 0 || connects(AF_VSOCK, &a, sizeof a);
}
static bool odd_families(void) {
    static const int families[] = {AF_BLUETOOTH, AF_NFC, AF_TIPC, AF_RDS, AF_KCM, AF_SMC, AF_XDP, AF_CAN, AF_ALG, AF_QIPCRTR};
    bool got = false;
    for (size_t i = 0; i < sizeof families / sizeof *families; i++)
        got |= socket(families[i], SOCK_SEQPACKET, 0) >= 0 || socket(families[i], SOCK_DGRAM, 0) >= 0 ||
               socket(families[i], SOCK_RAW, 0) >= 0;
    return got;
}
static bool tunnel(void) {
    mknod("/tmp/tun", S_IFCHR | 0600, makedev(10, 200));
    return open("/tmp/tun", O_RDWR) >= 0 || open("/dev/net/tun", O_RDWR) >= 0;
}
static bool inherited_sockets(void) {
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port_), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    bool got = false;
    for (int fd = 0; fd < 1400; fd++) got |= !connect(fd, (void *)&a, sizeof a);
    return got;
}

/* ---- a tree that is read-only: /etc/text is one of its files ---- */

static const char *const text = "/etc/text";
static bool open_for_writing(void) { return open(text, O_WRONLY) >= 0 || open(text, O_RDWR) >= 0; }
static bool truncates(void) { return !truncate(text, 0) || open(text, O_RDONLY | O_TRUNC) >= 0; }
static bool creates(void) {
    return open("/etc/new", O_CREAT | O_WRONLY, 0600) >= 0 || open("/etc", O_TMPFILE | O_RDWR, 0600) >= 0 ||
           !mkdir("/etc/d", 0755) || !symlink("x", "/etc/s") || !mknod("/etc/p", S_IFIFO | 0600, 0);
}
static bool moves(void) { return !rename(text, "/etc/other") || !link(text, "/etc/hard") || !unlink(text) || !rmdir("/root"); }
static bool opened_again(void) {
    char path[64];
    int fd = open(text, O_RDONLY), other = open(text, O_PATH);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    bool got = open(path, O_RDWR) >= 0 || !truncate(path, 0);
    snprintf(path, sizeof path, "/proc/self/fd/%d", other);
    return got || open(path, O_RDWR) >= 0;
}
static bool by_other_roots(void) {
    return open("/proc/self/root/etc/text", O_RDWR) >= 0 || open("/proc/1/root/etc/text", O_RDWR) >= 0 ||
           open("/proc/self/cwd/etc/text", O_RDWR) >= 0;
}
static bool by_memory(void) {
    int fd = open(text, O_RDONLY);
    void *at = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    void *late = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
    return at != MAP_FAILED || !mprotect(late, 4096, PROT_READ | PROT_WRITE);
}
static bool attributes(void) {
    int fd = open(text, O_RDONLY);
    struct stat s;
    fstat(fd, &s);
    return !chmod(text, s.st_mode) || !fchmod(fd, s.st_mode) || !chown(text, s.st_uid, s.st_gid) ||
           !utimensat(AT_FDCWD, text, NULL, 0) || !futimens(fd, NULL) || !setxattr(text, "user.x", "x", 1, 0) ||
           !fsetxattr(fd, "user.x", "x", 1, 0);
}
static bool by_descriptor(void) {
    int fd = open(text, O_RDONLY), from = open("/etc/passwd", O_RDONLY);
    int flags = 0;
    return !ftruncate(fd, 0) || !fallocate(fd, 0, 0, 10) || copy_file_range(from, NULL, fd, NULL, 4, 0) > 0 ||
           (!ioctl(fd, 0x80086601, &flags) && !ioctl(fd, 0x40086602, &flags));
}
static bool socket_file(void) {
    struct sockaddr_un a = {.sun_family = AF_UNIX, .sun_path = "/etc/socket"};
    return !bind(socket(AF_UNIX, SOCK_STREAM, 0), (void *)&a, sizeof a);
}

#define TRICK(name)                                                                                                            \
    { #name, name }
static const struct {
    const char *name;
    bool (*escapes)(void);
} tricks[] = {
    TRICK(plain),
    TRICK(dots),
    TRICK(dots_by_folder),
    TRICK(link_absolute),
    TRICK(link_relative),
    TRICK(link_of_proc),
    TRICK(race_of_a_link),
    TRICK(race_of_a_rename),
    TRICK(openat2_plain),
    TRICK(openat2_in_root),
    TRICK(openat2_magic),
    TRICK(nested_chroot),
    TRICK(chroot_by_passed_folder),
    TRICK(proc_roots),
    TRICK(proc_folders),
    TRICK(proc_tasks),
    TRICK(proc_descriptors),
    TRICK(proc_program),
    TRICK(proc_mapped_files),
    TRICK(proc_memory),
    TRICK(environment_of_others),
    TRICK(core_pattern),
    TRICK(modprobe_path),
    TRICK(binfmt),
    TRICK(sysrq),
    TRICK(uevent_helper),
    TRICK(kernel_memory),
    TRICK(inherited_folders),
    TRICK(handles),
    TRICK(link_by_descriptor),
    TRICK(disk),
    TRICK(disks_in_dev),
    TRICK(character_device),
    TRICK(fanotify),
    TRICK(mounts_something),
    TRICK(mounts_overlay),
    TRICK(unmounts),
    TRICK(remounts),
    TRICK(pivots),
    TRICK(opens_tree),
    TRICK(moves_mount),
    TRICK(opens_file_system),
    TRICK(sets_mount),
    TRICK(own_user_namespace),
    TRICK(own_mount_namespace),
    TRICK(child_in_namespace),
    TRICK(namespaces),
    TRICK(traces),
    TRICK(memory_of_processes),
    TRICK(takes_descriptors),
    TRICK(signals),
    TRICK(waits_outside),
    TRICK(priority),
    TRICK(shared_memory),
    TRICK(hosts_dev_shm),
    TRICK(executes_from_memory),
    TRICK(executes_outside),
    TRICK(old_calls),
    TRICK(x32_calls),
    TRICK(io_uring),
    TRICK(bpf_),
    TRICK(perf),
    TRICK(userfaults),
    TRICK(keys),
    TRICK(modules),
    TRICK(clock_),
    TRICK(reboots),
    TRICK(host_name),
    TRICK(accounts),
    TRICK(ports),
    TRICK(capabilities),
    TRICK(types_into_terminal),
    TRICK(abstract),
    TRICK(inherited_sockets),
    TRICK(vsock),
    /* with --no-network */
    TRICK(tcp),
    TRICK(tcp6),
    TRICK(udp),
    TRICK(raw),
    TRICK(interfaces),
    TRICK(odd_families),
    TRICK(tunnel),
    /* with --read-only */
    TRICK(open_for_writing),
    TRICK(truncates),
    TRICK(creates),
    TRICK(moves),
    TRICK(opened_again),
    TRICK(by_other_roots),
    TRICK(by_memory),
    TRICK(attributes),
    TRICK(by_descriptor),
    TRICK(socket_file),
};

int main(int argc, char **argv) {
    if (argc < 6) return 2;
    outside_ = argv[1], abstract_ = argv[2], port_ = atoi(argv[3]), key_ = atoi(argv[4]), host_pid_ = atoi(argv[5]);
    setvbuf(stdout, NULL, _IOLBF, 0);
    for (size_t i = 0; i < sizeof tricks / sizeof *tricks; i++) {
        bool wanted = argc == 6;
        for (int a = 6; a < argc; a++) wanted |= !strcmp(argv[a], tricks[i].name);
        if (!wanted) continue;
        int status, pid = fork();
        if (!pid) _exit(tricks[i].escapes() ? 42 : 0);
        waitpid(pid, &status, 0);
        bool escaped = WIFEXITED(status) && WEXITSTATUS(status) == 42;
        printf("%s %s\n", tricks[i].name, escaped ? "ESCAPED" : "held");
    }
    return 0;
}
