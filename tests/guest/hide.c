/* A program finds itself in /proc, and nothing else: no interpreter, no machine, no descriptors that are not its own. */
#include "check.h"
#include <ctype.h>
#include <dirent.h>
#include <libgen.h>
#include <sys/auxv.h>
#include <sys/resource.h>
#include <sys/stat.h>

extern char **environ;
int main(int argc, char **argv);
static int data = 1;

/* One line of /proc/self/maps. */
struct range {
    unsigned long start, end, offset, inode;
    char prot[5], name[PATH_MAX];
};

static struct range find_range(const void *address) {
    char *text = read_file("/proc/self/maps", NULL), *line, *rest = text;
    struct range r, found = {0};
    unsigned long last = 0;
    int hits = 0;
    while ((line = strsep(&rest, "\n")) && *line) {
        unsigned major, minor;
        int at = 0;
        CHECK(sscanf(line, "%lx-%lx %4s %lx %x:%x %lu %n", &r.start, &r.end, r.prot, &r.offset, &major, &minor, &r.inode,
                     &at) == 7);
        CHECK(r.start >= last && r.start < r.end && r.start % PAGE == 0 && r.end % PAGE == 0);
        CHECK(strspn(r.prot, "rwxps-") == 4);
        if (r.start < 1ul << 63) /* [vsyscall] is the only one above */
            CHECK(r.end <= 1ul << 47);
        else
            CHECK(strstr(line, "[vsyscall]"));
        last = r.end;
        strcpy(r.name, line + at);
        if ((unsigned long)address >= r.start && (unsigned long)address < r.end) found = r, hits++;
    }
    CHECK(rest == NULL || !*rest);
    CHECK(hits <= 1);
    free(text);
    return found;
}

static void maps(const char *exe) {
    struct range r = find_range(main);
    CHECK(!strcmp(r.prot, "r-xp") && !strcmp(r.name, exe));
    struct stat st;
    CHECK(stat(exe, &st) == 0 && r.inode == st.st_ino);
    CHECK(!strcmp((r = find_range(&data)).prot, "rw-p") && (!strcmp(r.name, exe) || !*r.name));
    int local;
    CHECK(!strcmp((r = find_range(&local)).name, "[stack]") && !strcmp(r.prot, "rw-p"));
    CHECK(find_range((void *)getauxval(AT_EXECFN)).start == r.start);
    unsigned long heap = syscall(SYS_brk, 0l);
    CHECK(syscall(SYS_brk, heap + 3 * PAGE) == (long)heap + 3 * PAGE);
    r = find_range((void *)(heap + 2 * PAGE));
    CHECK(!strcmp(r.name, "[heap]") && !strcmp(r.prot, "rw-p") && r.end >= heap + 3 * PAGE);
    CHECK(!strcmp((r = find_range((void *)getauxval(AT_SYSINFO_EHDR))).name, "[vdso]") && !strcmp(r.prot, "r-xp"));
    if (getauxval(AT_BASE)) {
        r = find_range((void *)getauxval(AT_BASE));
        CHECK(strstr(r.name, "ld-") && r.offset == 0);
    }

    char *p = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(mprotect(p + PAGE, PAGE, PROT_NONE) == 0);
    r = find_range(p + PAGE);
    CHECK(r.start == (unsigned long)p + PAGE && r.end == r.start + PAGE && !strcmp(r.prot, "---p") && !*r.name && !r.inode);
    CHECK(munmap(p + PAGE, PAGE) == 0 && find_range(p + PAGE).start == 0);
    int fd = make_file("a mapped file", "x", 1);
    CHECK(ftruncate(fd, 3 * PAGE) == 0 && fstat(fd, &st) == 0);
    p = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 2 * PAGE);
    r = find_range(p);
    CHECK(r.start == (unsigned long)p && r.offset == 2 * PAGE && r.inode == st.st_ino && !strcmp(r.prot, "r--s"));
    CHECK(!strcmp(basename(r.name), "a mapped file"));
    CHECK(close(fd) == 0 && unlink("a mapped file") == 0);
    CHECK(strstr(find_range(p).name, "/a mapped file (deleted)"));
    CHECK(munmap(p, PAGE) == 0 && find_range(p).start == 0);
}

static void texts(const char *exe, int argc, char **argv) {
    size_t size;
    char *text = read_file("/proc/self/cmdline", &size), *at = text;
    for (int i = 0; i < argc; i++) {
        CHECK(!strcmp(at, argv[i]));
        at += strlen(at) + 1;
    }
    CHECK(at == text + size);
    at = text = read_file("/proc/self/environ", &size);
    for (char **e = environ; *e; e++) {
        CHECK(!strcmp(at, *e));
        at += strlen(at) + 1;
    }
    CHECK(at == text + size);

    char **end = environ;
    while (*end) end++;
    text = read_file("/proc/self/auxv", &size);
    CHECK(size >= 16 * 16 && !memcmp(text, end + 1, size));
    unsigned long *last = (unsigned long *)(text + size - 16);
    CHECK(last[0] == AT_NULL && last[1] == 0);

    char name[16] = "", *copy = strdup(exe), line[64];
    strncpy(name, basename(copy), 15);
    sprintf(line, "%s\n", name);
    CHECK(!strcmp(read_file("/proc/self/comm", NULL), line));

    /* stat: pid (comm) state ppid pgrp session ... num_threads ... startcode endcode startstack */
    text = read_file("/proc/self/stat", NULL);
    sprintf(line, "%d (%s) R ", getpid(), name);
    CHECK(!strncmp(text, line, strlen(line)));
    unsigned long field[53] = {0};
    char *number = text + strlen(line);
    for (int i = 4; i < 53; i++) field[i] = strtoul(number, &number, 10);
    CHECK(field[4] == (unsigned)getppid() && field[5] == (unsigned)getpgrp() && field[6] == (unsigned)getsid(0));
    CHECK(field[20] == 1); /* threads */
    CHECK(field[26] <= (unsigned long)main && (unsigned long)main < field[27]);
    CHECK(field[28] <= (unsigned long)argv && field[28] > (unsigned long)&line);
    CHECK(field[48] == (unsigned long)argv[0] && field[49] > field[48] && field[50] == (unsigned long)environ[0]);

    text = read_file("/proc/self/status", NULL);
    sprintf(line, "Name:\t%s\n", name);
    CHECK(!strncmp(text, line, strlen(line)));
    sprintf(line, "\nPid:\t%d\n", getpid());
    CHECK(strstr(text, line) && strstr(text, "\nThreads:\t1\n") && strstr(text, "\nTracerPid:\t"));
    /* Sizes are the program's: what it maps shows, and there is no address space of terabytes that it never asked for. */
    unsigned long before, after;
    CHECK(sscanf(strstr(text, "\nVmSize:"), "\nVmSize: %lu kB", &before) == 1 && before < 1 << 20);
    char *p = mmap(NULL, 64 << 20, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(sscanf(strstr(read_file("/proc/self/status", NULL), "\nVmSize:"), "\nVmSize: %lu kB", &after) == 1);
    CHECK(after - before >= 64 << 10 && after - before < 70 << 10 && munmap(p, 64 << 20) == 0);
    unsigned long pages;
    CHECK(sscanf(read_file("/proc/self/statm", NULL), "%lu", &pages) == 1 && pages * 4 < 1 << 20);
}

static void links(const char *exe) {
    char target[PATH_MAX] = "", path[64], here[PATH_MAX];
    static const char *const ways[] = {"/proc/self/exe",        "/proc/./self//exe",      "/proc/self/../self/exe",
                                       "/proc/thread-self/exe", "/proc/self/task/../exe", "/proc/self/root/proc/self/exe"};
    struct stat st, own;
    CHECK(stat(exe, &own) == 0);
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        memset(target, 0, sizeof target);
        CHECK(readlink(ways[i], target, sizeof target) == (ssize_t)strlen(exe) && !strcmp(target, exe));
        CHECK(stat(ways[i], &st) == 0 && st.st_ino == own.st_ino);
        int fd = open(ways[i], O_RDONLY);
        CHECK(fd >= 0 && fstat(fd, &st) == 0 && st.st_ino == own.st_ino && close(fd) == 0);
    }
    sprintf(path, "/proc/%d/exe", getpid());
    CHECK(stat(path, &st) == 0 && st.st_ino == own.st_ino);
    sprintf(path, "/proc/self/task/%d/exe", getpid());
    CHECK(stat(path, &st) == 0 && st.st_ino == own.st_ino);
    CHECK(readlink("/proc/self/exe", target, 5) == 5 && !strncmp(target, exe, 5));
    CHECK_ERRNO(syscall(SYS_readlink, "/proc/self/exe", target, 0l), EINVAL);
    int dir = open("/proc/self", O_RDONLY | O_DIRECTORY);
    CHECK(fstatat(dir, "exe", &st, 0) == 0 && st.st_ino == own.st_ino);
    CHECK(fstatat(dir, "exe", &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(st.st_mode));
    CHECK(getcwd(here, sizeof here) && chdir("/proc/self") == 0 && stat("exe", &st) == 0 && st.st_ino == own.st_ino);
    CHECK(!strcmp(read_file("comm", NULL), read_file("/proc/self/comm", NULL)));
    CHECK(chdir(here) == 0 && close(dir) == 0);
    CHECK(symlink("/proc/self", "self") == 0 && stat("self/exe", &st) == 0 && st.st_ino == own.st_ino);
    memset(target, 0, sizeof target);
    CHECK(readlink("/proc/self/cwd", target, sizeof target) > 0 && !strcmp(target, here));
}

/* The numbers in a directory of /proc are these, in any order. */
static void holds_only(const char *name, const int *numbers, int count) {
    DIR *dir = opendir(name);
    CHECK(dir);
    struct dirent *e;
    int found = 0;
    while ((e = readdir(dir)))
        if (isdigit(e->d_name[0])) {
            int known = atoi(e->d_name) == dirfd(dir) && numbers[0] == 0;
            for (int i = 0; i < count; i++) known |= numbers[i] == atoi(e->d_name);
            CHECK(known);
            found++;
        }
    CHECK(found == count + (numbers[0] == 0));
    closedir(dir);
}

static void descriptors(void) {
    char path[64];
    struct rlimit limit;
    struct stat st;
    CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0);
    for (unsigned fd = 3; fd < limit.rlim_cur + 200; fd += fd == 40 ? limit.rlim_cur - 100 : 1) {
        CHECK_ERRNO(fcntl(fd, F_GETFD), EBADF);
        CHECK_ERRNO(close(fd), EBADF);
        CHECK_ERRNO(fstat(fd, &st), EBADF);
        sprintf(path, "/proc/self/fd/%u", fd);
        CHECK_ERRNO(lstat(path, &st), ENOENT);
        CHECK_ERRNO(open(path, O_RDONLY), ENOENT);
    }
    holds_only("/proc/self/fd", (int[]){0, 1, 2}, 3);
    CHECK(dup2(0, 77) == 77);
    holds_only("/proc/self/fd", (int[]){0, 1, 2, 77}, 4);
    holds_only("/dev/fd", (int[]){0, 1, 2, 77}, 4);
    holds_only("/proc/self/fdinfo", (int[]){0, 1, 2, 77}, 4);
    CHECK(close(77) == 0);
    holds_only("/proc/self/task", (int[]){getpid()}, 1);
    char *limits = read_file("/proc/self/limits", NULL);
    unsigned long soft;
    CHECK(sscanf(strstr(limits, "Max open files"), "Max open files %lu", &soft) == 1 && soft == limit.rlim_cur);
}

static void nothing_else(void) {
    static const char *const files[] = {"cmdline", "comm",   "auxv",  "maps",   "smaps", "smaps_rollup",
                                        "stat",    "status", "statm", "limits", "wchan"};
    static const char *const words[] = {"libpython", "python3", "libffi", "/dev/kvm", "inode:kvm", "_native", "site-packages"};
    char path[64];
    for (size_t f = 0; f < sizeof files / sizeof *files; f++) {
        size_t size;
        sprintf(path, "/proc/self/%s", files[f]);
        char *text = read_file(path, &size);
        for (size_t w = 0; w < sizeof words / sizeof *words; w++)
            if (memmem(text, size, words[w], strlen(words[w]))) errno = 0, check_failed(path, 0, words[w], -1);
    }
}

int main(int argc, char **argv) {
    CHECK(syscall(SYS_close_range, 3, ~0u, 0) == 0);
    char *exe = realpath((char *)getauxval(AT_EXECFN), NULL);
    CHECK(exe);
    maps(exe);
    texts(exe, argc, argv);
    links(exe);
    CHECK(syscall(SYS_close_range, 3, ~0u, 0) == 0);
    descriptors();
    nothing_else();
    /* And the machine still works. */
    char *p = mmap(NULL, 1 << 30, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(p != MAP_FAILED);
    for (size_t i = 0; i < 1 << 30; i += 16 << 20) p[i] = 1;
}
