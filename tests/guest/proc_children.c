/* What /proc tells of a child is what it would tell of itself: no descriptor, thread, memory or program that is not its own. */
#include "children.h"
#include <dirent.h>
#include <pthread.h>
#include <sys/stat.h>

enum { ENTRIES = 16 };

static char name[400];
static const char *of(pid_t pid, const char *file) {
    snprintf(name, sizeof name, "/proc/%d/%s", pid, file);
    return name;
}

static long field(pid_t pid, const char *file, const char *key) {
    char *text = read_file(of(pid, file), NULL), *at = strstr(text, key);
    CHECK(at);
    long value = atol(at + strlen(key));
    free(text);
    return value;
}

/* The numbers that a directory lists. */
static int listed(pid_t pid, const char *file, int *numbers) {
    int count = 0;
    DIR *folder = opendir(of(pid, file));
    CHECK(folder);
    for (struct dirent *entry; (entry = readdir(folder));)
        if (entry->d_name[0] != '.' && count < ENTRIES) numbers[count++] = atoi(entry->d_name);
    closedir(folder);
    return count;
}

static void *sleeps(void *unused) {
    for (;;) pause();
    return unused;
}

static int has_one_thread(void) {
    alarm(60); /* where the test fails */
    sleeps(NULL);
    return 0;
}

static int has_two_threads(void) {
    pthread_t thread;
    CHECK(close_range(3, ~0u, 0) == 0);
    CHECK(pthread_create(&thread, NULL, sleeps, NULL) == 0);
    return has_one_thread();
}

static void looks_like_this_program(pid_t pid, int threads) {
    char own[400], its[400], area[64];
    int numbers[ENTRIES];
    struct stat file, program;
    ssize_t length = readlink("/proc/self/exe", own, sizeof own);
    CHECK(length > 0 && readlink(of(pid, "exe"), its, sizeof its) == length && memcmp(own, its, length) == 0);
    CHECK(stat(of(pid, "exe"), &file) == 0 && stat("/proc/self/exe", &program) == 0 && file.st_ino == program.st_ino);
    CHECK(field(pid, "status", "\nThreads:\t") == threads);
    CHECK(listed(pid, "task", numbers) == threads && numbers[0] == pid);
    CHECK(field(pid, "status", "\nVmSize:\t") < 1 << 20);
    long resident = field(pid, "status", "\nVmRSS:\t");
    CHECK(resident > 0 && resident <= field(pid, "status", "\nVmSize:\t"));
    CHECK(threads > 1 || field(pid, "status", "\nSigCgt:\t") == 0); /* threads come with a signal of the C library's */
    char *text = read_file(of(pid, "stat"), NULL), *at = strrchr(text, ')');
    long of_all_threads, size;
    CHECK(sscanf(at, ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %ld %*d %*u %ld", &of_all_threads,
                 &size) == 2);
    CHECK(of_all_threads == threads && size < 1l << 30);
    free(text);

    text = read_file(of(pid, "maps"), NULL);
    char *line = text;
    unsigned long start = 0, end = 0;
    while (line && (unsigned long)looks_like_this_program >= end) {
        CHECK(sscanf(line, "%lx-%lx %60s", &start, &end, area) == 3);
        line = strchr(line, '\n');
        line = line ? line + 1 : NULL;
    }
    CHECK(start <= (unsigned long)looks_like_this_program && area[2] == 'x' && !strstr(text, "inode:kvm") &&
          !strstr(text, "libpython"));
    free(text);
}

int main(void) {
    int numbers[ENTRIES], status;
    pid_t one = start(has_one_thread), two = start(has_two_threads);
    wait_until_asleep(one);
    wait_until_asleep(two);
    while (listed(two, "task", numbers) < 2) usleep(1000);
    looks_like_this_program(one, 1);
    looks_like_this_program(two, 2);
    CHECK(listed(two, "fd", numbers) == 3 && numbers[0] == 0 && numbers[1] == 1 && numbers[2] == 2);
    CHECK(listed(two, "fdinfo", numbers) == 3);
    kill(one, SIGKILL), kill(two, SIGKILL);
    CHECK(waitpid(one, &status, 0) == one && waitpid(two, &status, 0) == two);
    CHECK_ERRNO(open(of(one, "status"), O_RDONLY), ENOENT);

    /* One that waits to be reaped has no memory. */
    one = start(getppid);
    wait_until_asleep(one);
    char *text = read_file(of(one, "maps"), NULL);
    CHECK(*text == 0);
    CHECK(waitpid(one, &status, 0) == one);
    return 0;
}
