/* The software engine's one CPU: Unicorn's, with paging on and at CPL 3, as a kernel leaves it to a program.
 *
 * Unicorn delivers no exceptions; it tells their vector. Their error code, and the state in which it takes the next one for a
 * double fault, are in what uc_context_save() copies, at places that cpu_open() finds out by faults whose codes are known. */
#include <cpuid.h>
#include <dlfcn.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

#include "engine.h"
#include "host.h"
#include "pagetable.h"
#include "sim.h"

enum { USER_CS = 0x33, USER_DS = 0x2b, FLAG_IF = 1 << 9 };
enum { VECTOR_DB = 1, VECTOR_BP = 3, VECTOR_OF = 4, VECTOR_UD = 6, VECTOR_GP = 13, VECTOR_PF = 14 };
enum { XCR0 = 3, TCG_BUFFER = 128 << 20 };
enum { CR4 = 0x50620, CR4_FSGSBASE = 1 << 16 }; /* PAE PGE OSFXSR OSXMMEXCPT FSGSBASE OSXSAVE */

/* The engine's pages in the guest. */
#define TABLES OWN_BASE
#define BOOT (OWN_BASE + 0x1000)
#define CODE (OWN_BASE + 0x2000)
#define AREA (OWN_BASE + 0x3000)
#define NOWHERE (OWN_BASE + 0x100000)

/* What user code finds on the page CODE, each at its place. */
enum { SAVE = 0, LOAD = 0x10, CALL = 0x20, STORE = 0x30, FETCH = 0x40, JUMP = 0x50, INT80 = 0x60, IDENTIFY = 0x70 };
static const struct {
    int at, size;
    uint8_t code[8];
} CODE_PAGE[] = {
    {SAVE, 6, {0x48, 0x0f, 0xae, 0x21, 0x0f, 0x05}}, /* xsave64 (%rcx); syscall */
    {LOAD, 6, {0x48, 0x0f, 0xae, 0x29, 0x0f, 0x05}}, /* xrstor64 (%rcx); syscall */
    {CALL, 4, {0x0f, 0x05, 0xeb, 0xfc}},             /* 1: syscall; jmp 1b */
    {STORE, 2, {0x89, 0x01}},                        /* mov %eax, (%rcx) */
    {FETCH, 2, {0x8b, 0x01}},                        /* mov (%rcx), %eax */
    {JUMP, 2, {0xff, 0xe1}},                         /* jmp *%rcx */
    {INT80, 2, {0xcd, 0x80}},                        /* int $0x80 */
    {IDENTIFY, 4, {0x0f, 0xa2, 0x0f, 0x05}},         /* cpuid; syscall */
};
/* xor %ecx, %ecx; xor %edx, %edx; mov $XCR0, %eax; xsetbv; iretq */
static const uint8_t BOOT_PAGE[] = {0x31, 0xc9, 0x31, 0xd2, 0xb8, XCR0, 0, 0, 0, 0x0f, 0x01, 0xd1, 0x48, 0xcf};

struct unicorn uc;
uc_engine *cpu_;
static uint64_t *gdt_;
static uint8_t *area_;
static char name_[32];

/* What ended the last run, beside an error of Unicorn's. */
static bool called_;
static int exception_;
static uint64_t exception_rip_; /* where Unicorn goes on behind the instruction; else 0 */

static uc_context *context_; /* in which exceptions are looked at */
static size_t error_code_at_, old_exception_at_;
static struct cpuid_entry leaves_[32]; /* what CPUID shows */
static int leaf_count_;
static uint32_t cpu_number_ = ~0u;

static __thread __attribute__((tls_model("initial-exec"))) volatile bool running_;
static volatile bool stop_; /* the run is to end */

/* For pages that the host refuses: where Unicorn is, and a function of its own that ends a run at an instruction. */
static uint64_t library_;
static void (*raise_)(void *env, int vector, int error_code, uintptr_t place);
static volatile bool refused_;

const char *cpu_name(void) { return name_; }

/* ---- Unicorn's callbacks ---- */

static void on_exception(uc_engine *cpu, uint32_t number, void *data) {
    (void)data;
    exception_ = (int)number;
    uc.emu_stop(cpu);
}

static void on_syscall(uc_engine *cpu, void *data) {
    (void)data;
    called_ = true;
    uc.emu_stop(cpu);
}

/* An instruction that Unicorn lets everyone execute. It goes on to the block's end; what that does is not undone. */
static void forbid(int vector) {
    if (exception_ >= 0) return;
    exception_ = vector;
    uc.reg_read(cpu_, UC_REG_RIP, &exception_rip_);
    uc.emu_stop(cpu_);
}

static uint32_t on_in(uc_engine *cpu, uint32_t port, int size, void *data) {
    (void)cpu, (void)port, (void)size, (void)data;
    forbid(VECTOR_GP);
    return 0;
}

static void on_out(uc_engine *cpu, uint32_t port, int size, uint32_t value, void *data) {
    (void)cpu, (void)port, (void)size, (void)value, (void)data;
    forbid(VECTOR_GP);
}

static void on_sysenter(uc_engine *cpu, void *data) {
    (void)cpu, (void)data;
    forbid(VECTOR_UD);
}

/* At each block's start, the one place where Unicorn's stop does not make it execute an instruction twice. */
static void on_block(uc_engine *cpu, uint64_t address, uint32_t size, void *data) {
    (void)address, (void)size, (void)data;
    if (stop_ && running_) uc.emu_stop(cpu);
}

/* The same where blocks are recorded. Not those of the engine's own code, nor one to which the last one, that is on its way out,
 * would lead. */
static void on_recorded_block(uc_engine *cpu, uint64_t address, uint32_t size, void *data) {
    (void)data;
    if (!running_ || exception_ >= 0) return;
    blocks_next(address, size);
    if (stop_)
        uc.emu_stop(cpu);
    else
        blocks_begin(address, size);
}

static void on_translation(uc_engine *cpu, struct uc_tb *block, struct uc_tb *before, void *data) {
    (void)cpu, (void)before, (void)data;
    blocks_translated(block->pc, block->size);
}

/* CPUID. Not 0: answered. */
static int on_cpuid(uc_engine *cpu, void *data) {
    (void)data;
    uint64_t a, c;
    uc.reg_read(cpu, UC_REG_RAX, &a);
    uc.reg_read(cpu, UC_REG_RCX, &c);
    uint64_t b = 0, d = 0, leaf = (uint32_t)a, part = (uint32_t)c;
    a = c = 0;
    for (int i = 0; i < leaf_count_; i++) {
        const struct cpuid_entry *e = &leaves_[i];
        if (e->function == leaf && (e->index == part || !e->flags)) a = e->eax, b = e->ebx, c = e->ecx, d = e->edx;
    }
    uc.reg_write(cpu, UC_REG_RAX, &a);
    uc.reg_write(cpu, UC_REG_RBX, &b);
    uc.reg_write(cpu, UC_REG_RCX, &c);
    uc.reg_write(cpu, UC_REG_RDX, &d);
    return 1;
}

/* ---- making it ---- */

static int load_library(const char *path) {
    static const struct {
        const char *name;
        size_t at;
    } needed[] = {
#define NEED(name) {"uc_" #name, offsetof(struct unicorn, name)}
        NEED(version),         NEED(strerror),     NEED(open),     NEED(ctl),           NEED(hook_add),
        NEED(hook_del),        NEED(mem_map_ptr),  NEED(reg_read), NEED(reg_write),     NEED(reg_read_batch),
        NEED(reg_write_batch), NEED(emu_start),    NEED(emu_stop), NEED(context_alloc), NEED(context_save),
        NEED(context_restore), NEED(context_size),
#undef NEED
    };
    void *library = dlopen(path, RTLD_LAZY | RTLD_LOCAL);
    if (!library) return fail(-ENOENT, "%s", dlerror());
    for (size_t i = 0; i < sizeof needed / sizeof *needed; i++) {
        void *function = dlsym(library, needed[i].name);
        if (!function) return fail(-ENOSYS, "%s has no %s", path, needed[i].name);
        memcpy((char *)&uc + needed[i].at, &function, sizeof function);
    }
    Dl_info info;
    if (dladdr((void *)uc.emu_start, &info)) library_ = (uint64_t)info.dli_fbase;
    void *raise = dlsym(library, "raise_exception_err_ra_x86_64");
    memcpy(&raise_, &raise, sizeof raise);
    unsigned major, minor;
    uc.version(&major, &minor);
    snprintf(name_, sizeof name_, "Unicorn %u.%u", major, minor);
    return major == 2 ? 0 : fail(-ENOSYS, "%s is %s: noahpy needs 2", path, name_);
}

static uc_hook block_hook_;

static int add_block_hook(void) {
    void *callback = blocks_wanted() ? (void *)on_recorded_block : (void *)on_block;
    return uc.hook_add(cpu_, &block_hook_, UC_HOOK_BLOCK, callback, NULL, (uint64_t)1, (uint64_t)0);
}

static int add_hooks(void) {
    struct {
        int type;
        void *callback;
        uint64_t begin, end;
        int instruction;
    } hooks[] = {
        {UC_HOOK_INTR, (void *)on_exception, 1, 0, 0},
        {UC_HOOK_INSN, (void *)on_syscall, 1, 0, UC_X86_INS_SYSCALL},
        {UC_HOOK_INSN, (void *)on_sysenter, 1, 0, UC_X86_INS_SYSENTER},
        {UC_HOOK_INSN, (void *)on_in, 1, 0, UC_X86_INS_IN},
        {UC_HOOK_INSN, (void *)on_out, 1, 0, UC_X86_INS_OUT},
    };
    uc_hook hook;
    int error = add_block_hook();
    if (!error && blocks_wanted())
        error = uc.hook_add(cpu_, &hook, UC_HOOK_EDGE_GENERATED, (void *)on_translation, NULL, (uint64_t)1, (uint64_t)0);
    for (size_t i = 0; i < sizeof hooks / sizeof *hooks && !error; i++)
        error = uc.hook_add(cpu_, &hook, hooks[i].type, hooks[i].callback, NULL, hooks[i].begin, hooks[i].end,
                            hooks[i].instruction);
    return error;
}

static int make_pages(void) {
    uint64_t tables = pool_page(), boot = pool_page(), code = pool_page(), area = pool_page();
    if (!tables || !boot || !code || !area) return -ENOMEM;
    gdt_ = pool_address(tables);
    gdt_[2] = 0x00af9b000000ffff; /* 0x10: kernel code */
    gdt_[4] = 0x00cffb000000ffff; /* 0x23: user code, 32 bit */
    gdt_[5] = 0x00cff3000000ffff; /* 0x2b: user data */
    gdt_[6] = 0x00affb000000ffff; /* 0x33: user code */
    memcpy(pool_address(boot), BOOT_PAGE, sizeof BOOT_PAGE);
    uint8_t *at = pool_address(code);
    for (size_t i = 0; i < sizeof CODE_PAGE / sizeof *CODE_PAGE; i++)
        memcpy(at + CODE_PAGE[i].at, CODE_PAGE[i].code, (size_t)CODE_PAGE[i].size);
    area_ = pool_address(area);
    int error = pagetable_own(TABLES, tables, PTE_NX);
    if (!error) error = pagetable_own(BOOT, boot, 0);
    if (!error) error = pagetable_own(CODE, code, PTE_U);
    if (!error) error = pagetable_own(AREA, area, PTE_U | PTE_W | PTE_NX);
    return error;
}

/* Runs the engine's code at `rip`, for which rcx is `rcx` and the rest of the registers no matter. Whether it ends in its
 * system call. */
static bool run_own(uint64_t rip, uint64_t rcx, uint64_t rax) {
    uint64_t zero = 0, flags = FLAG_IF | 2; /* not a guest's, which may be stepping */
    uc.reg_write(cpu_, UC_REG_RFLAGS, &flags);
    uc.reg_write(cpu_, UC_REG_RAX, &rax);
    uc.reg_write(cpu_, UC_REG_RCX, &rcx);
    uc.reg_write(cpu_, UC_REG_RDX, &zero);
    called_ = false, exception_ = -1;
    return !uc.emu_start(cpu_, rip, 0, 0, 0) && called_;
}

/* From reset to CPL 3, by way of IRET. */
static int boot(void) {
    const uint64_t cr0 = 0x80050033, cr3 = pagetable_root(), cr4 = CR4, stack = TABLES + 0x800;
    uint64_t frame[] = {CODE + CALL, USER_CS, 0x202, CODE, USER_DS};
    memcpy((uint8_t *)gdt_ + 0x800, frame, sizeof frame);
    struct uc_x86_msr efer = {0xc0000080, 0xd01}; /* SCE LME LMA NXE */
    struct uc_x86_mmr gdtr = {.base = TABLES, .limit = 16 * 8 - 1};
    int error = uc.reg_write(cpu_, UC_REG_MSR, &efer);
    if (!error) error = uc.reg_write(cpu_, UC_REG_CR4, &cr4);
    if (!error) error = uc.reg_write(cpu_, UC_REG_CR3, &cr3);
    if (!error) error = uc.reg_write(cpu_, UC_REG_CR0, &cr0);
    if (!error) error = uc.reg_write(cpu_, UC_REG_GDTR, &gdtr);
    if (!error) error = uc.reg_write(cpu_, UC_REG_RSP, &stack);
    return !error && run_own(BOOT, 0, 0) ? 0 : -EIO;
}

static uint32_t word_at(const void *context, size_t at) {
    uint32_t word;
    memcpy(&word, (const uint8_t *)context + at, sizeof word);
    return word;
}

/* Finds where exceptions leave their error code, and the last one's vector (-1: none). */
static int find_places(void) {
    static const struct {
        uint64_t rip, rcx;
        uint32_t code;
    } known[] = {{CODE + STORE, CODE, 7}, {CODE + FETCH, NOWHERE, 4}, {CODE + JUMP, NOWHERE, 0x14}};
    enum { KNOWN = sizeof known / sizeof *known };
    size_t size = uc.context_size(cpu_);
    uint8_t *before = malloc(size), *after[KNOWN] = {malloc(size), malloc(size), malloc(size)};
    bool worked = before && after[0] && after[1] && after[2] && !uc.context_save(cpu_, context_);
    if (worked) memcpy(before, context_, size);
    for (int i = 0; i < KNOWN && worked; i++) {
        worked = !run_own(known[i].rip, known[i].rcx, 0) && exception_ == VECTOR_PF && !uc.context_save(cpu_, context_);
        memcpy(after[i], context_, size);
        memcpy(context_, before, size);
        worked = worked && !uc.context_restore(cpu_, context_);
    }
    int codes = 0, olds = 0;
    for (size_t at = 0; worked && at + 4 <= size; at += 4) {
        bool code = true, old = word_at(before, at) == ~0u;
        for (int i = 0; i < KNOWN; i++) {
            code = code && word_at(after[i], at) == known[i].code;
            old = old && word_at(after[i], at) == VECTOR_PF;
        }
        if (code) error_code_at_ = at, codes++;
        if (old) old_exception_at_ = at, olds++;
    }
    free(before);
    for (int i = 0; i < KNOWN; i++) free(after[i]);
    return codes == 1 && olds == 1 ? 0 : -ENOSYS;
}

/* Error code of the exception that came last; the next will not be taken for its consequence. `instruction`: INT n. */
static uint32_t take_error_code(bool *instruction) {
    uc.context_save(cpu_, context_);
    uint32_t code = word_at(context_, error_code_at_), none = ~0u;
    *instruction = word_at(context_, error_code_at_ + 4) == 1;
    memcpy((uint8_t *)context_ + old_exception_at_, &none, sizeof none);
    uc.context_restore(cpu_, context_);
    return code;
}

static bool tells_int(void) {
    bool first, second;
    if (run_own(CODE + STORE, CODE, 0) || exception_ != VECTOR_PF || take_error_code(&first) != 7) return false;
    if (run_own(CODE + INT80, 0, 0) || exception_ != 0x80) return false;
    take_error_code(&second);
    return !first && second;
}

/* One of Unicorn's own answers. */
static void ask(uint32_t function, uint32_t index) {
    static const int REGISTERS[4] = {UC_REG_RAX, UC_REG_RBX, UC_REG_RCX, UC_REG_RDX};
    uint64_t value[4] = {0};
    run_own(CODE + IDENTIFY, index, function);
    for (int i = 0; i < 4; i++) uc.reg_read(cpu_, REGISTERS[i], &value[i]);
    leaves_[leaf_count_++] = (struct cpuid_entry){
        .function = function,
        .index = index,
        .flags = function == 4 || function == 7 || function == 0xd,
        .eax = (uint32_t)value[0],
        .ebx = (uint32_t)value[1],
        .ecx = (uint32_t)value[2],
        .edx = (uint32_t)value[3],
    };
}

/* CPUID answers what Unicorn does, but for XSAVE's components, which are fewer here, and AT_HWCAP, which is the host's. */
static void identify(void) {
    for (uint32_t i = 0; i <= 7; i++) ask(i, 0);
    for (uint32_t i = 1; i <= 3; i++) ask(4, i);
    for (uint32_t i = 0x80000000; i <= 0x80000008; i++) ask(i, 0);
    leaves_[leaf_count_++] =
        (struct cpuid_entry){.function = 0xd, .flags = 1, .eax = XCR0, .ebx = XSTATE_MAX, .ecx = XSTATE_MAX};
    uint32_t a, b, c, d;
    if (__get_cpuid(1, &a, &b, &c, &d)) leaves_[1].edx = d;
    uc_hook hook;
    uc.hook_add(cpu_, &hook, UC_HOOK_INSN, (void *)on_cpuid, NULL, (uint64_t)1, (uint64_t)0, UC_X86_INS_CPUID);
}

void cpu_settle(void) {
    bool has = false;
    for (int i = 0; i < leaf_count_; i++) has |= leaves_[i].function == 7 && leaves_[i].ebx & 1;
    uc.reg_write(cpu_, UC_REG_CR4, &(uint64_t){has ? CR4 : CR4 & ~CR4_FSGSBASE});
}

struct cpuid_entry *cpu_leaves(int *count) {
    *count = leaf_count_;
    return leaves_;
}

int cpu_open(const char *library) {
    int error = load_library(library);
    if (error) return error;
    error = uc.open(UC_ARCH_X86, UC_MODE_64, &cpu_);
    if (!error) error = uc.ctl(cpu_, UC_CTL_CPU_MODEL, UC_CPU_X86_BROADWELL);
    if (!error) error = uc.ctl(cpu_, UC_CTL_TCG_BUFFER_SIZE, TCG_BUFFER);
    if (!error) error = uc.ctl(cpu_, UC_CTL_USE_EXITS, 1);
    if (error) return fail(-EIO, "%s: %s", name_, uc.strerror(error));
    if (make_pages()) return fail(-ENOMEM, "no memory for page tables");
    if ((error = add_hooks()) || (error = uc.context_alloc(cpu_, &context_)))
        return fail(-EIO, "%s: %s", name_, uc.strerror(error));
    if (boot()) return fail(-EIO, "%s does not come up: exception %d", name_, exception_);
    if (find_places() || !tells_int()) return fail(-ENOSYS, "this %s is unknown: it keeps exceptions in another way", name_);
    identify();
    uint8_t area[XSTATE_MAX] = {0};
    memcpy(area + 24, &(uint32_t){0x1f80}, 4); /* MXCSR; all else as at reset */
    xstate_is(XCR0, XSTATE_MAX);
    return cpu_set_xstate(area, sizeof area) ? fail(-EIO, "%s has no XSAVE", name_) : 0;
}

/* ---- its state ---- */

int cpu_get_xstate(void *area) {
    memset(area_, 0, XSTATE_MAX);
    if (!run_own(CODE + SAVE, AREA, XCR0)) return -EIO;
    memcpy(area, area_, XSTATE_MAX);
    return 0;
}

int cpu_set_xstate(const void *area, size_t size) {
    bool instruction;
    if (size < XSTATE_MAX) return -EINVAL;
    memcpy(area_, area, XSTATE_MAX);
    if (run_own(CODE + LOAD, AREA, XCR0)) return 0;
    take_error_code(&instruction);
    return -EINVAL;
}

enum { REGISTERS = sizeof(struct registers) / 8, RIP = 16, ALL = REGISTERS + 2 };
static const int NUMBERS[ALL] = {UC_REG_RAX,    UC_REG_RBX,    UC_REG_RCX,    UC_REG_RDX,     UC_REG_RSI,
                                 UC_REG_RDI,    UC_REG_RSP,    UC_REG_RBP,    UC_REG_R8,      UC_REG_R8 + 1,
                                 UC_REG_R8 + 2, UC_REG_R8 + 3, UC_REG_R8 + 4, UC_REG_R8 + 5,  UC_REG_R8 + 6,
                                 UC_REG_R8 + 7, UC_REG_RIP,    UC_REG_RFLAGS, UC_REG_FS_BASE, UC_REG_GS_BASE};

/* Where the values of NUMBERS are in a vCPU. */
static void places(struct vcpu *v, void *at[ALL]) {
    uint64_t *registers = (uint64_t *)v->regs;
    for (int i = 0; i < REGISTERS; i++) at[i] = registers + i;
    at[REGISTERS] = &v->fs_base;
    at[REGISTERS + 1] = &v->gs_base;
}

/* The host's CPU and node, where the vDSO's getcpu() and RDTSCP look for them: a segment's limit, or TSC_AUX. */
static void tell_cpu_number(void) {
    unsigned cpu = 0, node = 0;
    getcpu(&cpu, &node);
    uint32_t number = node << 12 | cpu;
    if (number == cpu_number_) return;
    cpu_number_ = number;
    gdt_[15] = 0x0040f50000000000 | (number & 0xffff) | (uint64_t)(number >> 16 & 0xf) << 48;
    uc.reg_write(cpu_, UC_REG_MSR, &(struct uc_x86_msr){0xc0000103, number});
}

void cpu_switch(uc_context *from, uc_context *to) {
    if (from) uc.context_save(cpu_, from);
    uc.context_restore(cpu_, to);
    cpu_number_ = ~0u;
}

/* Unicorn keeps a record of each block that a hook saw, until the hook is gone; that goes through the blocks' addresses. */
void cpu_forget_code(void) {
    bool instruction;
    uc.ctl(cpu_, UC_CTL_TB_FLUSH);
    uc.hook_del(cpu_, block_hook_);
    add_block_hook();
    take_error_code(&instruction);
    blocks_changed();
}

/* ---- running ---- */

/* An instruction that Unicorn does not know: RDPID, which the host's vDSO may use, and ICEBP are done here. */
static bool finish_instruction(struct registers *r, struct fault *fault) {
    uint8_t code[5];
    size_t got = window_read(code, r->rip, sizeof code), at = 0;
    if (got >= 1 && code[0] == 0xf1) {
        r->rip++;
        *fault = (struct fault){.vector = VECTOR_DB};
        return false;
    }
    *fault = (struct fault){.vector = VECTOR_UD};
    if (got < 4 || code[at++] != 0xf3) return false;
    int high = 0;
    if (code[at] >> 4 == 4) high = code[at++] & 1;
    if (at + 3 > got || code[at] != 0x0f || code[at + 1] != 0xc7 || code[at + 2] >> 3 != 0x1f) return false;
    static const uint8_t ORDER[8] = {0, 2, 3, 1, 6, 7, 4, 5}; /* of struct registers, by the CPU's numbers */
    int number = code[at + 2] & 7;
    ((uint64_t *)r)[high ? 8 + number : ORDER[number]] = cpu_number_;
    r->rip += at + 3;
    return true;
}

static void classify(struct registers *r, struct fault *fault) {
    bool instruction;
    uint32_t code = take_error_code(&instruction);
    *fault = (struct fault){.vector = (uint32_t)exception_, .error_code = code};
    if (exception_rip_) {
        r->rip = exception_rip_;
        fault->error_code = 0;
    } else if (instruction && exception_ != VECTOR_BP && exception_ != VECTOR_OF) { /* no gate is for CPL 3 */
        r->rip -= 2;
        *fault = (struct fault){.vector = VECTOR_GP, .error_code = (uint32_t)exception_ << 3 | 2};
    } else if (exception_ == VECTOR_PF) {
        uc.reg_read(cpu_, UC_REG_CR2, &fault->address);
    }
}

static uint64_t lost_; /* where the library met a page that the host refused; 0: nowhere */

int cpu_run(struct vcpu *v, struct fault *fault) {
    enum { USER_READ = 4 }; /* error code of #PF */
    struct registers *r = v->regs;
    void *at[ALL];
    const bool recorded = blocks_wanted();
    places(v, at);
    tell_cpu_number();
    if (recorded) blocks_arrive();
    for (;;) {
        stop_ = false;
        running_ = true;
        if (*signal_caught()) {
            running_ = false;
            return RAN_STOPPED;
        }
        r->rflags |= FLAG_IF;
        uc.reg_write_batch(cpu_, NUMBERS, at, RIP);
        uc.reg_write_batch(cpu_, NUMBERS + RIP + 1, at + RIP + 1, ALL - RIP - 1);
        called_ = refused_ = false, exception_ = -1, exception_rip_ = 0;
        int error = uc.emu_start(cpu_, r->rip, 0, 0, 0);
        running_ = false;
        uc.reg_read_batch(cpu_, NUMBERS, at, ALL);
        if (lost_) {
            void *page = (void *)(window_base_ + (lost_ & -(uint64_t)GUEST_PAGE));
            mmap(page, GUEST_PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
            *fault = (struct fault){.vector = VECTOR_PF, .error_code = USER_READ, .address = lost_};
            lost_ = 0;
            if (recorded) blocks_leave(r->rip, false);
            return RAN_FAULT;
        }
        if (exception_ >= 0) {
            classify(r, fault);
            if (recorded) blocks_leave(r->rip, exception_ == VECTOR_DB);
            return refused_ ? RAN_REFUSED : RAN_FAULT;
        }
        if (recorded) blocks_leave(r->rip, called_);
        if (refused_) return RAN_REFUSED;
        if (called_) {
            r->rcx = r->rip;
            r->r11 = r->rflags;
            return RAN_CALL;
        }
        if (!error) return RAN_STOPPED;
        if (error != UC_ERR_INSN_INVALID) {
            fail(0, "%s: %s at %#lx", name_, uc.strerror(error), (unsigned long)r->rip);
            return RAN_FAILED;
        }
        uint64_t at_instruction = r->rip;
        if (!finish_instruction(r, fault)) return RAN_FAULT;
        if (recorded) blocks_single(at_instruction, (uint32_t)(r->rip - at_instruction));
    }
}

void cpu_call_for_ever(struct registers *r) { *r = (struct registers){.rip = CODE + CALL, .rflags = 0x202}; }

void cpu_stop(void) { stop_ = true; }

bool cpu_fault(uint64_t address, long long *registers) {
    enum { LIBRARY = 64 << 20, GETPC_ADJ = 2, RED_ZONE = 128 };
    uint64_t gva = address - window_base_, pc = (uint64_t)registers[REG_RIP];
    if (!running_ || gva >= window_size_) return false;
    if (raise_ && pc - library_ >= LIBRARY) { /* in translated code: as if it had called raise_() from where it is */
        refused_ = true;
        registers[REG_RDI] = registers[REG_RBP];
        registers[REG_RSI] = VECTOR_PF;
        registers[REG_RDX] = 0;
        registers[REG_RCX] = (long long)pc + GETPC_ADJ;
        registers[REG_RSP] = ((registers[REG_RSP] - RED_ZONE) & ~15ll) - 8;
        memcpy(&registers[REG_RIP], &raise_, sizeof raise_);
        return true;
    }
    /* Unicorn knows the instruction, but does not tell it: let it have a zero, and the guest its fault behind it. */
    uint64_t page = address & -(uint64_t)GUEST_PAGE;
    int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;
    if (mmap((void *)page, GUEST_PAGE, PROT_READ | PROT_WRITE, flags, -1, 0) == MAP_FAILED) return false;
    lost_ = gva;
    stop_ = true;
    return true;
}

bool cpu_runs_here(void) { return running_; }
