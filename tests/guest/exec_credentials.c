/* execve and vfork by processes that have changed users, capabilities and who may look at them: what the new program has of
 * it. Without privilege, only what needs none is looked at. */
#include "children.h"
#include <linux/capability.h>
#include <linux/securebits.h>
#include <spawn.h>
#include <sys/auxv.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>

extern char **environ;

enum { OTHER = 1234 };

struct state {
    unsigned users[3], groups[3], file_user;
    uint64_t effective, permitted, inheritable, ambient;
    int dumpable, keeps, secure;
};

static struct state state(void) {
    struct state s = {0};
    CHECK(getresuid(&s.users[0], &s.users[1], &s.users[2]) == 0 && getresgid(&s.groups[0], &s.groups[1], &s.groups[2]) == 0);
    s.file_user = setfsuid(-1);
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct data[2];
    CHECK(syscall(SYS_capget, &header, data) == 0);
    s.effective = data[0].effective | (uint64_t)data[1].effective << 32;
    s.permitted = data[0].permitted | (uint64_t)data[1].permitted << 32;
    s.inheritable = data[0].inheritable | (uint64_t)data[1].inheritable << 32;
    for (int i = 0; i <= CAP_LAST_CAP; i++)
        if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, i, 0, 0) == 1) s.ambient |= BIT(i + 1);
    s.dumpable = prctl(PR_GET_DUMPABLE);
    s.keeps = prctl(PR_GET_KEEPCAPS);
    s.secure = getauxval(AT_SECURE);
    return s;
}

static void set_capabilities(uint64_t effective, uint64_t permitted, uint64_t inheritable) {
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct data[2];
    for (int i = 0; i < 2; i++)
        data[i] = (struct __user_cap_data_struct){effective >> 32 * i, permitted >> 32 * i, inheritable >> 32 * i};
    CHECK(syscall(SYS_capset, &header, data) == 0);
}

static int program; /* this one, which the user that is changed to may not find by its path */

/* What the new program finds after `change`. */
static struct state after(void (*change)(void)) {
    int fds[2];
    CHECK(pipe(fds) == 0);
    pid_t pid = fork();
    if (pid == 0) {
        CHECK(dup2(fds[1], 3) == 3);
        change();
        fexecve(program, (char *[]){"exec_credentials", "state", NULL}, environ);
        CHECK(!"execve came back");
    }
    struct state s;
    CHECK(close(fds[1]) == 0 && read(fds[0], &s, sizeof s) == sizeof s && succeeds(pid) && close(fds[0]) == 0);
    return s;
}

static void nothing(void) {}
static void not_dumpable(void) { CHECK(prctl(PR_SET_DUMPABLE, 0) == 0); }
static void keeps(void) { CHECK(prctl(PR_SET_KEEPCAPS, 1) == 0); }
static void another(void) { CHECK(setresgid(OTHER, OTHER, OTHER) == 0 && setresuid(OTHER, OTHER, OTHER) == 0); }
static void another_keeping(void) { keeps(), another(); }
static void another_saved(void) { CHECK(setresgid(-1, -1, OTHER) == 0 && setresuid(-1, -1, OTHER) == 0); }
static void effective_only(void) { CHECK(setresuid(-1, OTHER, -1) == 0); }
static void real_only(void) { CHECK(setresuid(OTHER, -1, -1) == 0); }
static void group_only(void) { CHECK(setresgid(-1, OTHER, -1) == 0); }
static void another_for_files(void) { setfsuid(OTHER); }
static void less_effective(void) { set_capabilities(0, state().permitted, 0); }
static void less_bounding(void) { CHECK(prctl(PR_CAPBSET_DROP, CAP_CHOWN) == 0 && prctl(PR_CAPBSET_DROP, CAP_KILL) == 0); }
static void no_root(void) { CHECK(prctl(PR_SET_SECUREBITS, SECBIT_NOROOT) == 0); }
static void ambient(void) {
    another_keeping();
    set_capabilities(0, 1 << CAP_KILL | 1 << CAP_CHOWN, 1 << CAP_KILL);
    CHECK(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_KILL, 0, 0) == 0);
}

static void without_privilege(void) {
    struct state now = state(), then = after(nothing);
    CHECK(!memcmp(&now, &then, sizeof now));
    CHECK(after(not_dumpable).dumpable == 1 && after(keeps).keeps == 0);
}

static void with_privilege(void) {
    uint64_t all = state().permitted;
    struct state s = after(another);
    CHECK(s.users[2] == OTHER && s.groups[2] == OTHER && !s.permitted && !s.effective && s.dumpable && !s.secure);
    s = after(another_keeping);
    CHECK(!s.permitted && !s.effective && !s.keeps);
    s = after(another_saved);
    CHECK(s.users[2] == 0 && s.groups[2] == 0 && s.permitted == all && s.effective == all);
    s = after(effective_only);
    CHECK(s.users[0] == 0 && s.users[1] == OTHER && s.users[2] == OTHER && s.secure && s.permitted == all && !s.effective);
    s = after(real_only);
    CHECK(s.users[0] == OTHER && s.users[2] == 0 && s.secure && s.permitted == all && s.effective == all);
    s = after(group_only);
    CHECK(s.groups[2] == OTHER && s.secure && !s.users[2]);
    CHECK(after(another_for_files).file_user == 0);
    CHECK(after(less_effective).effective == all);
    s = after(less_bounding);
    CHECK(s.permitted == (all & ~(uint64_t)(1 << CAP_CHOWN | 1 << CAP_KILL)) && s.effective == s.permitted);
    s = after(no_root);
    CHECK(!s.permitted && !s.effective);
    s = after(ambient);
    CHECK(s.ambient == 1 << CAP_KILL && s.permitted == s.ambient && s.effective == s.ambient && s.inheritable == s.ambient);
}

/* A child of vfork's, whose memory its parent sees, when the VMM's own files in /proc are another's. */
static int spawns(void) {
    pid_t pid;
    CHECK(posix_spawn(&pid, "/absent", NULL, NULL, (char *[]){"absent", NULL}, environ) == ENOENT);
    CHECK(posix_spawn(&pid, "/bin/true", NULL, NULL, (char *[]){"true", NULL}, environ) == 0 && succeeds(pid));
    return 0;
}
static int spawns_not_dumpable(void) { return not_dumpable(), spawns(); }
static int spawns_as_another(void) { return another(), spawns(); }
static int spawns_as_another_for_files(void) { return another_for_files(), spawns(); }

static int may_become_another(void) { return setresgid(OTHER, OTHER, OTHER) || setresuid(OTHER, OTHER, OTHER); }

int main(int argc, char **argv) {
    (void)argv;
    if (argc == 2) {
        struct state s = state();
        CHECK(write(3, &s, sizeof s) == sizeof s);
        return 0;
    }
    CHECK((program = fcntl(open("/proc/self/exe", O_RDONLY | O_CLOEXEC), F_DUPFD_CLOEXEC, 4)) > 3);
    without_privilege();
    CHECK(succeeds(start(spawns_not_dumpable)));
    if (!(state().permitted >> CAP_SETPCAP & 1) || !succeeds(start(may_become_another))) return 0;
    with_privilege();
    CHECK(succeeds(start(spawns_as_another)) && succeeds(start(spawns_as_another_for_files)));
}
