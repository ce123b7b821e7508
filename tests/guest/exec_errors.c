/* execve and execveat that fail, with the errno that says why, scripts, and programs named by descriptor. */
#include "children.h"
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

extern char **environ;
static char path[PATH_MAX];
static char *const words[] = {"x", "exit", "5", NULL};

static int at(int fd, const char *name, int flags) { return (int)syscall(SYS_execveat, fd, name, words, environ, flags); }

static void script(const char *name, const char *text, mode_t mode) {
    int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, mode);
    CHECK(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text) && fchmod(fd, mode) == 0 && close(fd) == 0);
}

/* What a child that executes `name` ends with. */
static int result(const char *name) {
    pid_t pid = fork();
    if (pid == 0) {
        execv(name, words);
        _exit(100);
    }
    int status = status_of(pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static void copy(const char *to) {
    int in = open(path, O_RDONLY), out = open(to, O_WRONLY | O_CREAT | O_TRUNC, 0755);
    char buffer[1 << 16];
    ssize_t n;
    while ((n = read(in, buffer, sizeof buffer)) > 0) CHECK(write(out, buffer, n) == n);
    CHECK(close(in) == 0 && close(out) == 0);
}

static void errors(void) {
    CHECK_ERRNO(execv("nothing", words), ENOENT);
    CHECK_ERRNO(execv("", words), ENOENT);
    CHECK_ERRNO(execv("/etc/passwd/x", words), ENOTDIR);
    CHECK_ERRNO(execv("/", words), EACCES);
    CHECK_ERRNO(execv(".", words), EACCES);
    CHECK_ERRNO(execv("/dev/null", words), EACCES);
    script("plain", "echo plain\n", 0644);
    CHECK_ERRNO(execv("plain", words), EACCES);
    script("plain", "echo plain\n", 0755);
    CHECK_ERRNO(execv("plain", words), ENOEXEC);
    script("empty", "", 0755);
    CHECK_ERRNO(execv("empty", words), ENOEXEC);
    script("elf", "\177ELF and no more", 0755);
    CHECK_ERRNO(execv("elf", words), ENOEXEC);
    CHECK(symlink("loop", "loop") == 0);
    CHECK_ERRNO(execv("loop", words), ELOOP);
    CHECK_ERRNO(execv((char *)8, words), EFAULT);
    CHECK_ERRNO(execv(path, (char **)8), EFAULT);
    CHECK_ERRNO(execve(path, words, (char **)8), EFAULT);
    char *bad[] = {"x", (char *)8, NULL};
    CHECK_ERRNO(execv(path, bad), EFAULT);
    char **edge = (char **)end_of_pages(1) - 1; /* an array without its end */
    edge[0] = "x";
    CHECK_ERRNO(execv(path, edge), EFAULT);
    char name[5000];
    memset(name, 'n', sizeof name - 1), name[sizeof name - 1] = 0;
    CHECK_ERRNO(execv(name, words), ENAMETOOLONG);

    char *big = malloc(131073);
    memset(big, 'b', 131072), big[131072] = 0;
    char *one[] = {"x", big, NULL};
    CHECK_ERRNO(execv(path, one), E2BIG);
    big[131071] = 0; /* the longest that there may be */
    static char *many[300];
    for (int i = 0; i < 299; i++) many[i] = big;
    CHECK_ERRNO(execv(path, many), E2BIG);
    CHECK_ERRNO(execve(path, words, many), E2BIG);
    many[3] = NULL, many[0] = "x", many[1] = "count", many[2] = big;
    pid_t pid = fork();
    if (pid == 0) execv(path, many);
    CHECK(WEXITSTATUS(status_of(pid)) == 3);

    copy("busy");
    int fd = open("busy", O_WRONLY);
    CHECK_ERRNO(execv("busy", words), ETXTBSY);
    close(fd);
    CHECK(result("busy") == 5);
    CHECK_ERRNO(wait(NULL), ECHILD);
}

static void scripts(void) {
    char text[PATH_MAX + 100];
    snprintf(text, sizeof text, "#!%s exit\n", path);
    script("ends", text, 0755); /* its one argument, the script's name, the script's arguments: exit ./ends exit 5 */
    CHECK(result("./ends") == 0);
    snprintf(text, sizeof text, "#! %s  \t count  and the  rest \t\n", path);
    script("counts", text, 0755);
    CHECK(result("./counts") == 5);
    script("chain1", "#!./counts\n", 0755); /* counts gets: "count  and the  rest" ./counts ./chain1 exit 5 */
    CHECK(result("./chain1") == 6);
    script("chain2", "#!./chain1\n", 0755);
    script("chain3", "#!./chain2\n", 0755);
    script("chain4", "#!./chain3\n", 0755);
    CHECK(result("./chain3") == 8);
    CHECK(result("./chain4") == 9);
    script("chain5", "#!./chain4\n", 0755);
    CHECK_ERRNO(execv("./chain5", words), ELOOP);
    script("self", "#!./self\n", 0755);
    CHECK_ERRNO(execv("./self", words), ELOOP);
    script("missing", "#!/no/such/interpreter\n", 0755);
    CHECK_ERRNO(execv("./missing", words), ENOENT);
    script("folder", "#!/etc\n", 0755);
    CHECK_ERRNO(execv("./folder", words), EACCES);
    script("plain1", "#!/etc/passwd\n", 0755);
    CHECK_ERRNO(execv("./plain1", words), EACCES);
    script("none", "#!\n", 0755);
    CHECK_ERRNO(execv("./none", words), ENOEXEC);
    script("noline", "#!/bin/true", 0755);
    CHECK(result("./noline") == 0);
    script("unknown", "exit 9\n", 0755); /* execlp's shell takes what the kernel does not */
    pid_t pid = fork();
    if (pid == 0) execlp("./unknown", "x", NULL);
    CHECK(WEXITSTATUS(status_of(pid)) == 9);
}

static void by_descriptor(void) {
    int fd = open(path, O_RDONLY | O_CLOEXEC), folder = open(".", O_RDONLY | O_DIRECTORY);
    pid_t pid = fork();
    if (pid == 0) fexecve(fd, words, environ);
    CHECK(WEXITSTATUS(status_of(pid)) == 5);
    pid = fork();
    if (pid == 0) at(folder, "busy", 0);
    CHECK(WEXITSTATUS(status_of(pid)) == 5);
    pid = fork();
    if (pid == 0) at(AT_FDCWD, "./counts", 0);
    CHECK(WEXITSTATUS(status_of(pid)) == 5);
    pid = fork();
    if (pid == 0) at(99, path, 0); /* a whole path needs no descriptor */
    CHECK(WEXITSTATUS(status_of(pid)) == 5);

    int text = open("counts", O_RDONLY), closed = open("counts", O_RDONLY | O_CLOEXEC), plain = open("/etc/passwd", O_RDONLY);
    pid = fork();
    if (pid == 0) at(text, "", AT_EMPTY_PATH); /* the interpreter gets /dev/fd/N */
    CHECK(WEXITSTATUS(status_of(pid)) == 5);
    CHECK_ERRNO(at(closed, "", AT_EMPTY_PATH), ENOENT); /* which would be closed by then */
    CHECK_ERRNO(at(plain, "", AT_EMPTY_PATH), EACCES);
    CHECK_ERRNO(at(folder, "", AT_EMPTY_PATH), EACCES);
    CHECK_ERRNO(at(99, "", AT_EMPTY_PATH), EBADF);
    CHECK_ERRNO(at(99, "x", 0), EBADF);
    CHECK_ERRNO(at(fd, "", 0), ENOENT);
    CHECK_ERRNO(at(fd, "x", 0), ENOTDIR);
    CHECK_ERRNO(at(folder, "busy", 1 << 20), EINVAL);
    CHECK(symlink("busy", "link") == 0);
    CHECK_ERRNO(at(folder, "link", AT_SYMLINK_NOFOLLOW), ELOOP);
    CHECK(result("link") == 5);
    int path_only = open(path, O_PATH);
    pid = fork();
    if (pid == 0) at(path_only, "", AT_EMPTY_PATH);
    CHECK(WEXITSTATUS(status_of(pid)) == 5);

    int memory = (int)syscall(SYS_memfd_create, "program", 0), in = open(path, O_RDONLY); /* a program without a name */
    char buffer[1 << 16];
    ssize_t n;
    while ((n = read(in, buffer, sizeof buffer)) > 0) CHECK(write(memory, buffer, n) == n);
    pid = fork();
    if (pid == 0) at(memory, "", AT_EMPTY_PATH);
    CHECK(WEXITSTATUS(status_of(pid)) == 5);
}

/* Without a descriptor to spare. */
static void no_descriptors(void) {
    struct rlimit old;
    int errors = dup(2);
    CHECK(errors >= 0 && close(2) == 0); /* what ld.so has to say */
    CHECK(getrlimit(RLIMIT_NOFILE, &old) == 0);
    CHECK(setrlimit(RLIMIT_NOFILE, &(struct rlimit){0, old.rlim_max}) == 0);
    CHECK_ERRNO(execv("nothing", words), ENOENT);
    CHECK_ERRNO(execv("plain", words), ENOEXEC);
    CHECK(result("/bin/true") == 127 || result("/bin/true") == 0); /* as it is static or not */
    CHECK(setrlimit(RLIMIT_NOFILE, &old) == 0 && dup2(errors, 2) == 2 && close(errors) == 0);
}

static void no_privilege(void) {
    if (getuid()) return;
    copy("setuid");
    CHECK(chown("setuid", 65534, 65534) == 0 && chmod("setuid", 06755) == 0);
    pid_t pid = fork();
    if (pid == 0) {
        CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
        execl("setuid", "x", "users", NULL);
    }
    CHECK(WEXITSTATUS(status_of(pid)) == 0);
    pid = fork();
    if (pid == 0) { /* the user who runs it may not even read it */
        CHECK(chmod("setuid", 0711) == 0 && chmod(".", 0755) == 0 && chown("setuid", 0, 0) == 0);
        CHECK(setresgid(65534, 65534, 65534) == 0 && setresuid(65534, 65534, 65534) == 0);
        CHECK_ERRNO(open("setuid", O_RDONLY), EACCES);
        _exit(0);
    }
    CHECK(succeeds(pid));
}

int main(int argc, char **argv) {
    for (int i = 1; i < argc; i++)
        if (!strncmp(argv[i], "count", 5)) return argc;
    if (argc >= 3 && !strcmp(argv[1], "exit")) return atoi(argv[2]);
    if (argc == 2 && !strcmp(argv[1], "users")) return getuid() || geteuid() || getegid();
    CHECK(realpath("/proc/self/exe", path));
    errors();
    scripts();
    by_descriptor();
    no_descriptors();
    no_privilege();
}
