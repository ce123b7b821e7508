/* Users, groups, capabilities, umask and namespaces: what root may give away, and what nobody gets back. */
#include "children.h"
#include <grp.h>
#include <linux/capability.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/utsname.h>

enum { USER = 59999, GROUP = 59998, OTHER = 59997 };

static int is_user(uid_t real, uid_t effective, uid_t saved) {
    uid_t r, e, s;
    CHECK(getresuid(&r, &e, &s) == 0);
    return r == real && e == effective && s == saved && getuid() == real && geteuid() == effective;
}

static int is_group(gid_t real, gid_t effective, gid_t saved) {
    gid_t r, e, s;
    CHECK(getresgid(&r, &e, &s) == 0);
    return r == real && e == effective && s == saved && getgid() == real && getegid() == effective;
}

static struct __user_cap_data_struct *capabilities(pid_t pid) {
    static struct __user_cap_data_struct data[2];
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, pid};
    CHECK(syscall(SYS_capget, &header, data) == 0);
    return data;
}

/* Line `name` of /proc/self/status, its first number in base 16 or 10. */
static unsigned long status_line(const char *name, int base) {
    char *text = read_file("/proc/self/status", NULL), *line = strstr(text, name);
    CHECK(line);
    unsigned long value = strtoul(line + strlen(name), NULL, base);
    free(text);
    return value;
}

static int users(void) {
    CHECK(setresuid(USER, -1, OTHER) == 0 && is_user(USER, 0, OTHER));
    CHECK(setreuid(-1, OTHER) == 0 &&
          is_user(USER, OTHER, OTHER)); /* the effective one moved away from root's: no capability */
    CHECK(capabilities(0)->effective == 0);
    CHECK_ERRNO(setresuid(0, -1, -1), EPERM);
    CHECK_ERRNO(setuid(0), EPERM);
    CHECK_ERRNO(setreuid(0, 0), EPERM);
    CHECK(setuid(USER) == 0 && is_user(USER, USER, OTHER));
    CHECK(seteuid(OTHER) == 0 && is_user(USER, OTHER, OTHER) && status_line("\nUid:", 10) == USER);
    CHECK(setresuid(OTHER, OTHER, OTHER) == 0 && is_user(OTHER, OTHER, OTHER));
    CHECK_ERRNO(setuid(USER), EPERM);
    return 0;
}

static int effective_only(void) { /* and back, as long as one of the three is root's */
    int fd = open("secret", O_WRONLY | O_CREAT, 0600);
    CHECK(fd >= 0 && close(fd) == 0);
    CHECK(seteuid(USER) == 0 && is_user(0, USER, 0));
    CHECK(capabilities(0)->effective == 0 && capabilities(0)->permitted != 0);
    CHECK_ERRNO(open("secret", O_RDONLY), EACCES);
    CHECK(access("secret", R_OK) == 0); /* asks for the real one */
    CHECK_ERRNO(faccessat(AT_FDCWD, "secret", R_OK, AT_EACCESS), EACCES);
    CHECK_ERRNO(chown("secret", USER, -1), EPERM);
    CHECK(seteuid(0) == 0 && is_user(0, 0, 0) && capabilities(0)->effective != 0);
    CHECK(setfsuid(USER) == 0 && setfsuid(-1) == USER);
    CHECK_ERRNO(open("secret", O_RDONLY), EACCES); /* for files alone */
    CHECK(is_user(0, 0, 0) && setfsuid(0) == USER && (fd = open("secret", O_RDONLY)) >= 0 && close(fd) == 0);
    return 0;
}

static int groups(void) {
    gid_t many[65], back[65];
    for (int i = 0; i < 65; i++) many[i] = 1000 + i;
    CHECK(setgroups(65, many) == 0 && getgroups(0, NULL) == 65 && getgroups(65, back) == 65);
    CHECK(!memcmp(many, back, sizeof many));
    CHECK_ERRNO(getgroups(64, back), EINVAL);
    CHECK_ERRNO(setgroups(65537, many), EINVAL);
    CHECK_ERRNO(syscall(SYS_setgroups, 1, 8l), EFAULT);
    CHECK_ERRNO(syscall(SYS_getgroups, 65, 8l), EFAULT);
    CHECK(setgroups(0, NULL) == 0 && getgroups(0, NULL) == 0);
    CHECK(setresgid(GROUP, OTHER, 0) == 0 && is_group(GROUP, OTHER, 0) && setfsgid(-1) == OTHER);
    CHECK(setgroups(1, many) == 0 && setresuid(USER, USER, USER) == 0);
    CHECK_ERRNO(setgid(GROUP + 5), EPERM);
    CHECK_ERRNO(setgroups(0, NULL), EPERM);
    CHECK(setregid(-1, 0) == 0 && is_group(GROUP, 0, 0) && setregid(GROUP, GROUP) == 0 && is_group(GROUP, GROUP, GROUP));
    CHECK_ERRNO(setegid(0), EPERM);
    return 0;
}

static int capability_sets(void) {
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct data[2];
    CHECK(syscall(SYS_capget, &header, data) == 0);
    unsigned chown_bit = 1u << CAP_CHOWN;
    CHECK(data[0].effective & chown_bit && data[0].permitted & chown_bit);
    CHECK(((unsigned long)data[1].effective << 32 | data[0].effective) == status_line("\nCapEff:", 16));
    data[0].effective &= ~chown_bit;
    CHECK(syscall(SYS_capset, &header, data) == 0);
    CHECK(close(open("mine", O_CREAT | O_WRONLY, 0600)) == 0);
    CHECK_ERRNO(chown("mine", USER, -1), EPERM);
    data[0].effective |= chown_bit; /* still permitted */
    CHECK(syscall(SYS_capset, &header, data) == 0 && chown("mine", USER, -1) == 0);
    data[0].permitted &= ~chown_bit;
    CHECK_ERRNO(syscall(SYS_capset, &header, data), EPERM); /* effective without permitted */
    data[0].effective &= ~chown_bit;
    CHECK(syscall(SYS_capset, &header, data) == 0);
    data[0].permitted |= chown_bit;
    CHECK_ERRNO(syscall(SYS_capset, &header, data), EPERM); /* there is no way back */
    header.pid = 0x7ffffff;
    CHECK_ERRNO(syscall(SYS_capget, &header, data), ESRCH);
    header.pid = -1;
    CHECK_ERRNO(syscall(SYS_capget, &header, data), EINVAL);
    header.pid = 1;
    CHECK_ERRNO(syscall(SYS_capset, &header, data), EPERM);
    CHECK_ERRNO(syscall(SYS_capget, 8l, data), EFAULT);

    CHECK(prctl(PR_CAPBSET_READ, CAP_KILL) == 1 && prctl(PR_CAPBSET_DROP, CAP_KILL) == 0 &&
          prctl(PR_CAPBSET_READ, CAP_KILL) == 0);
    CHECK_ERRNO(prctl(PR_CAPBSET_READ, 99), EINVAL);
    CHECK(!(status_line("\nCapBnd:", 16) >> CAP_KILL & 1));
    CHECK(prctl(PR_SET_KEEPCAPS, 1) == 0 && prctl(PR_GET_KEEPCAPS) == 1 && setresuid(USER, USER, USER) == 0);
    CHECK(capabilities(0)->effective == 0 && capabilities(0)->permitted != 0);
    CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1);
    CHECK_ERRNO(prctl(PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0), EINVAL);
    CHECK(status_line("\nNoNewPrivs:", 10) == 1);
    return 0;
}

static int own_namespaces(void) {
    struct utsname name;
    char before[64], after[64];
    CHECK(gethostname(before, sizeof before) == 0);
    CHECK_ERRNO(unshare(1), EINVAL);
    if (unshare(CLONE_NEWUTS) == 0) {
        CHECK(sethostname("elsewhere", 9) == 0 && uname(&name) == 0 && !strcmp(name.nodename, "elsewhere"));
        pid_t pid = fork();
        if (pid == 0) _exit(gethostname(after, sizeof after) || strcmp(after, "elsewhere"));
        CHECK(succeeds(pid));
    } else {
        CHECK(errno == EPERM); /* a container's root */
    }
    pid_t pid = fork();
    if (pid == 0) {
        CHECK(unshare(CLONE_FS | CLONE_FILES) == 0 && chdir("/") == 0);
        CHECK(setresuid(USER, USER, USER) == 0);
        CHECK_ERRNO(unshare(CLONE_NEWUTS), EPERM);
        CHECK_ERRNO(sethostname("x", 1), EPERM);
        _exit(0);
    }
    CHECK(succeeds(pid));
    return 0;
}

static int host_name_is_as_before(const char *before) {
    char now[64];
    return gethostname(now, sizeof now) == 0 && !strcmp(now, before);
}

static int masks(void) {
    struct stat st;
    CHECK(umask(~0777u | 027) != -1u && umask(077) == 027); /* the nine bits alone */
    CHECK(close(open("masked", O_CREAT | O_WRONLY, 0666)) == 0 && stat("masked", &st) == 0 && (st.st_mode & 07777) == 0600);
    CHECK(mkdir("folder", 0777) == 0 && stat("folder", &st) == 0 && (st.st_mode & 07777) == 0700);
    CHECK(mkfifo("fifo", 0666) == 0 && stat("fifo", &st) == 0 && (st.st_mode & 07777) == 0600);
    pid_t pid = fork();
    if (pid == 0) {
        CHECK(umask(022) == 077);
        execl("/bin/sh", "sh", "-c", "test $(umask) = 0022", NULL);
    }
    CHECK(succeeds(pid) && umask(022) == 077 && status_line("\nUmask:", 8) == 022); /* a child's is its own */
    return 0;
}

int main(void) {
    char name[64];
    CHECK(gethostname(name, sizeof name) == 0);
    CHECK(succeeds(start(masks)));
    if (geteuid()) return 0; /* the rest is root's to give away; what others may not do is in identity.c */
    CHECK(chmod(".", 0755) == 0);
    CHECK(succeeds(start(users)));
    CHECK(succeeds(start(effective_only)));
    CHECK(succeeds(start(groups)));
    CHECK(succeeds(start(capability_sets)));
    CHECK(succeeds(start(own_namespaces)) && host_name_is_as_before(name));
}
