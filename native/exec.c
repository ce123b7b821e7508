/* execve(2) in C, where nothing about it is unusual: a program of the same user with the same rights, in a process of
 * one thread. noahpy/process.py and program.py say what it does. Until the old program is gone all that is wrong or unusual is
 * left to them, which begin anew. */
#include "exec.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <linux/prctl.h>
#include <linux/securebits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "fast.h"
#include "hidden.h"
#include "load.h"
#include "mmap.h"
#include "rlimit.h"
#include "robust.h"
#include "tree.h"

enum { CLOSING_MAX = 64, STRINGS_FIRST = 16 << 10, STRING_MAX = 128 << 10, STRINGS_MAX = 6 << 20 };
#ifndef AT_EXECVE_CHECK
#define AT_EXECVE_CHECK 0x10000
#endif

static char path_[PATH_MAX];
static uint64_t layout_[5];
static bool allowed_;

void fast_exec(int allowed) { allowed_ = allowed; }
bool exec_forbid(struct vcpu *cpu) {
    (void)cpu;
    allowed_ = false;
    return false;
}

static int program_ = -1; /* its file, which may be renamed, removed, or out of this user's reach */

void program_is(const char *path, int fd) {
    if (program_ >= 0) hidden_remove(&program_);
    program_ = fd;
    if (fd >= 0 && hidden_add(&program_) < 0) hidden_remove(&program_);
    snprintf(path_, sizeof path_, "%s", path);
    tree_exec(path_);
}
const char *program_path(void) { return path_; }
int program_fd(void) { return program_; }
const uint64_t *program_layout(void) { return layout_; }

/* ---- What is needed ---- */

/* Whether execve(2) leaves the credentials as they are: one user, and the capabilities that it would give. */
static bool ordinary_user(void) {
    uid_t r, e, s;
    gid_t rg, eg, sg;
    if (getresuid(&r, &e, &s) || getresgid(&rg, &eg, &sg) || r != e || e != s || rg != eg || eg != sg) return false;
    if ((uid_t)setfsuid((uid_t)-1) != e || (gid_t)setfsgid((gid_t)-1) != eg) return false;
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2];
    if (syscall(SYS_capget, &head, data)) return false;
    for (int i = 0; i < 2; i++)
        if (data[i].effective != data[i].permitted || (e && data[i].permitted)) return false;
    return e || !(prctl(PR_GET_SECUREBITS) & SECBIT_NOROOT);
}

/* Whether nobody has the file open for writing; false, too, where the host's kernel can't tell in this way. */
static bool at_rest(const char *path) {
    if (syscall(SYS_execveat, -1, "x", 8, NULL, AT_EXECVE_CHECK) == 0 || errno != EBADF) return false;
    syscall(SYS_execveat, AT_FDCWD, path, 8, NULL, AT_EXECVE_CHECK);
    return errno != ETXTBSY;
}

static bool is_absent(const char *path) {
    struct stat status;
    return stat(path, &status) && errno == ENOENT;
}

static int open_program(const char *path) {
    struct stat status;
    if (stat(path, &status) || !S_ISREG(status.st_mode) || faccessat(AT_FDCWD, path, X_OK, AT_EACCESS)) return -1;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0 && !at_rest(path)) {
        close(fd);
        return -1;
    }
    return fd;
}

struct image {
    struct elf program, interpreter;
    bool interpreted;
    struct arguments arguments;
    char execfn[PATH_MAX];
    int closing[CLOSING_MAX], closing_count;
};

static void forget(struct image *i) {
    if (i->program.fd >= 0) close(i->program.fd);
    if (i->interpreter.fd >= 0) close(i->interpreter.fd);
    free(i->arguments.strings);
    free(i);
}

/* The strings of an array of pointers, after the `*used` bytes that are there already; how many, or -1. */
static int add_strings(char **strings, size_t *room, size_t *used, uint64_t gva) {
    for (;;) {
        long size = window_strings(*strings + *used, *room - *used, gva, STRING_MAX, STRINGS_MAX);
        if (size < 0) return -1;
        if ((size_t)size <= *room - *used) {
            int count = 0;
            for (long i = 0; i < size; i++) count += !(*strings)[*used + (size_t)i];
            *used += (size_t)size;
            return count;
        }
        char *more = realloc(*strings, *used + (size_t)size);
        if (!more) return -1;
        *strings = more;
        *room = *used + (size_t)size;
    }
}

static bool read_arguments(struct arguments *a, uint64_t argv, uint64_t envp) {
    size_t room = STRINGS_FIRST;
    if (!(a->strings = malloc(room))) return false;
    int argc = add_strings(&a->strings, &room, &a->size, argv);
    if (argc <= 0) return false;
    a->arguments_size = a->size;
    int envc = add_strings(&a->strings, &room, &a->size, envp);
    if (envc < 0) return false;
    a->argc = (unsigned)argc, a->envc = (unsigned)envc;
    return true;
}

static bool enough_room(const struct arguments *a) {
    uint64_t limit = soft_limit(RLIMIT_STACK) / 4;
    if (limit < STRING_MAX) limit = STRING_MAX;
    if (limit > STRINGS_MAX) limit = STRINGS_MAX;
    return a->size + strlen(a->execfn) + 1 + 8ull * (a->argc + a->envc) <= limit;
}

/* What a script's first line says, cut out of `line`: the interpreter's name, and its one argument or NULL. */
static const char *script_line(char *line, size_t size, const char **argument) {
    static const char blank[] = " \t";
    char *end = memchr(line, '\n', size);
    if (!end || memchr(line, 0, (size_t)(end - line))) return NULL;
    while (end > line + 2 && strchr(blank, end[-1])) end--;
    *end = 0;
    char *name = line + 2 + strspn(line + 2, blank), *rest = name + strcspn(name, blank);
    *argument = *rest ? rest + strspn(rest, blank) : NULL;
    *rest = 0;
    return *name ? name : NULL;
}

/* Puts a script's interpreter, its argument and the script in place of the first argument. */
static bool put_before(struct arguments *a, const char *name, const char *argument, const char *script) {
    size_t first = strlen(a->strings) + 1,
           added = strlen(name) + 1 + (argument ? strlen(argument) + 1 : 0) + strlen(script) + 1;
    char *strings = malloc(a->size - first + added), *to = strings;
    if (!strings) return false;
    to = stpcpy(to, name) + 1;
    if (argument) to = stpcpy(to, argument) + 1;
    to = stpcpy(to, script) + 1;
    memcpy(to, a->strings + first, a->size - first);
    free(a->strings);
    a->strings = strings;
    a->size += added - first, a->arguments_size += added - first;
    a->argc += argument ? 2 : 1;
    return true;
}

/* From a script to the program that is to run it. */
static bool follow_scripts(struct image *i) {
    enum { LEVELS = 5, HEAD = 256 };
    char script[PATH_MAX], head[HEAD + 1] = "";
    snprintf(script, sizeof script, "%s", i->execfn);
    for (int level = 0;; level++) {
        ssize_t size = pread(i->program.fd, head, HEAD, 0);
        if (size < 2 || head[0] != '#' || head[1] != '!') return size >= 2;
        const char *argument, *name = script_line(head, (size_t)size, &argument);
        if (level == LEVELS || !name || !put_before(&i->arguments, name, argument, script)) return false;
        snprintf(script, sizeof script, "%s", name);
        int fd = open_program(name);
        close(i->program.fd);
        if ((i->program.fd = fd) < 0) return false;
    }
}

static bool read_interpreter(struct image *i) {
    int at = 0;
    char name[PATH_MAX];
    const Elf64_Phdr *s = elf_next(&i->program, PT_INTERP, &at);
    if (!s) return true;
    if (s->p_filesz < 2 || s->p_filesz > sizeof name) return false;
    if (pread(i->program.fd, name, s->p_filesz, (off_t)s->p_offset) != (ssize_t)s->p_filesz || name[s->p_filesz - 1])
        return false;
    i->interpreted = true;
    i->interpreter.fd = open_program(name);
    return *name && i->interpreter.fd >= 0 && elf_read(&i->interpreter, i->interpreter.fd);
}

static bool read_name(char *name, uint64_t gva) {
    long length = window_strnlen(gva, PATH_MAX);
    return length > 0 && length < PATH_MAX && window_read(name, gva, (size_t)length) == (size_t)length;
}

static bool find_closing(struct image *i) {
    i->closing_count = hidden_closing(hidden_fd(exec_host()->proc), i->closing, CLOSING_MAX);
    return i->closing_count >= 0 && i->closing_count <= CLOSING_MAX;
}

/* Finds all that can be wrong; NULL: something is, or is unusual. `*absent`: there is no such file, else it could be. */
static struct image *prepare(const struct registers *r, bool *absent) {
    struct image *i = calloc(1, sizeof *i);
    if (!i) return NULL;
    i->program.fd = i->interpreter.fd = -1;
    i->arguments.execfn = i->execfn;
    bool usual = read_name(i->execfn, r->rdi) && ordinary_user() && read_arguments(&i->arguments, r->rsi, r->rdx) &&
                 enough_room(&i->arguments);
    *absent = usual && is_absent(i->execfn);
    if (usual && !*absent && find_closing(i) && (i->program.fd = open_program(i->execfn)) >= 0 && follow_scripts(i) &&
        enough_room(&i->arguments) && elf_read(&i->program, i->program.fd) && read_interpreter(i))
        return i;
    forget(i);
    return NULL;
}

/* ---- The way over ---- */

/* The host's kernel tells of the new arguments, environment and auxiliary vector; an old one may refuse. */
static void publish(const struct loaded *l) {
    const uint64_t *vmm = exec_host()->layout;
    struct prctl_mm_map area = {
        .start_code = vmm[0],
        .end_code = vmm[1],
        .start_data = vmm[2],
        .end_data = vmm[3],
        .start_brk = vmm[4],
        .brk = (uint64_t)sbrk(0),
        .start_stack = window_base_ + l->rsp,
        .arg_start = window_base_ + l->arg_start,
        .arg_end = window_base_ + l->arg_end,
        .env_start = window_base_ + l->env_start,
        .env_end = window_base_ + l->env_end,
        .auxv = (void *)(window_base_ + l->auxv),
        .auxv_size = (uint32_t)l->auxv_size,
        .exe_fd = (uint32_t)-1,
    };
    prctl(PR_SET_MM, PR_SET_MM_MAP, &area, sizeof area, 0);
}

/* Takes over the program's descriptor. */
static void name_program(struct image *i) {
    char path[PATH_MAX], link[32];
    snprintf(link, sizeof link, "self/fd/%d", i->program.fd);
    ssize_t size = readlinkat(hidden_fd(exec_host()->proc), link, path, sizeof path - 1);
    path[size < 0 ? 0 : size] = 0;
    program_is(path, i->program.fd);
    i->program.fd = -1;
    const char *slash = strrchr(i->execfn, '/');
    prctl(PR_SET_NAME, slash ? slash + 1 : i->execfn, 0, 0, 0); /* which cuts it */
}

static void replace(struct vcpu *cpu, struct image *i) {
    struct loaded l;
    actions_forget();
    prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0);
    prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
    tree_executes();
    vfork_finish(*cpu->clear_child_tid);
    *cpu->clear_child_tid = *cpu->robust_list = 0;
    memset(&cpu->altstack, 0, sizeof cpu->altstack);
    for (int n = 0; n < i->closing_count; n++) close(i->closing[n]);
    if (window_clear()) signal_die(SIGSEGV);
    book_clear(memory_book());
    if (load(&l, &i->program, i->interpreted ? &i->interpreter : NULL, &i->arguments) || vcpu_start(cpu)) signal_die(SIGSEGV);
    cpu->regs->rip = l.rip;
    cpu->regs->rsp = l.rsp;
    const uint64_t layout[] = {l.start_code, l.end_code, l.start_data, l.end_data, l.start_brk};
    memcpy(layout_, layout, sizeof layout_);
    name_program(i);
    publish(&l);
}

bool finish_execve(struct vcpu *cpu) {
    struct rlimit guest;
    uint64_t all = ~0ull;
    if (!allowed_ || !memory_plain() || exec_host()->proc < 0 || !fast_plain_path(cpu->regs->rdi)) return false;
    if (robust_shares() && robust_holds(cpu)) return false;
    hidden_widen(&guest);
    bool absent = false;
    struct image *i = prepare(cpu->regs, &absent);
    if (i) signal_mask(all);
    bool taken = i && !*signal_caught();
    if (taken) {
        replace(cpu, i);
        news(NEWS_EXECUTED);
    } else if (i) {
        signal_mask(cpu->blocked);
    }
    if (i) forget(i);
    hidden_narrow(&guest);
    if (taken) signal_mask(cpu->blocked);
    if (absent) cpu->regs->rax = (uint64_t)-ENOENT;
    return taken || absent;
}
