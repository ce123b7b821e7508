/* The software engine: virtual CPUs that take turns on one of Unicorn's, so that what each does is atomic for the others. */
#include "sim.h"

#include <linux/futex.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "engine.h"
#include "host.h"

enum { SLICE_NS = 1000000 }; /* how long a CPU runs while others wait */

struct sim_vcpu {
    struct vcpu seen; /* by Python; first */
    struct registers registers;
    uint64_t robust_list, clear_child_tid;
    uc_context *context; /* all else, while another one is on the CPU */
    bool idle;           /* no thread has it */
    struct sim_vcpu *next;
};

static struct sim_vcpu *vcpus_; /* linked by `next`; guarded by the turn, as all below */
static struct sim_vcpu *on_cpu_;
static uc_context *fresh_;
static bool flush_tables_, flush_code_;

/* ---- turns: first come, first served ---- */

static atomic_uint next_, serving_;

static long futex(atomic_uint *word, int operation, unsigned value, const struct timespec *timeout) {
    return syscall(SYS_futex, word, operation | FUTEX_PRIVATE_FLAG, value, timeout, NULL, 0);
}

/* `urgent`: who has the turn is to give it up now. It may miss that when it is just about to start, so it is told again. */
static void take_turn(bool urgent) {
    unsigned mine = atomic_fetch_add(&next_, 1), now;
    while ((now = atomic_load(&serving_)) != mine) {
        if (urgent) cpu_stop();
        if (futex(&serving_, FUTEX_WAIT, now, &(struct timespec){.tv_nsec = SLICE_NS}) && errno == ETIMEDOUT) cpu_stop();
    }
}

static void give_turn(void) {
    unsigned now = atomic_fetch_add(&serving_, 1) + 1;
    if (atomic_load(&next_) != now) futex(&serving_, FUTEX_WAKE, ~0u >> 1, NULL);
}

/* ---- vCPUs ---- */

/* Puts v on the CPU. */
static void switch_to(struct sim_vcpu *v) {
    if (on_cpu_ == v) return;
    cpu_switch(on_cpu_ ? on_cpu_->context : NULL, v->context);
    on_cpu_ = v;
}

static struct sim_vcpu *new_vcpu(void) {
    struct sim_vcpu *v = calloc(1, sizeof *v);
    if (!fresh_ || !v || uc.context_alloc(cpu_, &v->context)) {
        free(v);
        fail(-ENOMEM, "no memory");
        return NULL;
    }
    v->seen.regs = &v->registers;
    v->next = vcpus_;
    vcpus_ = v;
    return v;
}

/* What each starts with. */
static void make_fresh(void) {
    cpu_settle();
    if (!uc.context_alloc(cpu_, &fresh_)) uc.context_save(cpu_, fresh_);
}

static struct vcpu *create(bool anew) {
    take_turn(true);
    if (!fresh_) make_fresh();
    struct sim_vcpu *v = vcpus_;
    while (v && !v->idle) v = v->next;
    if (!v && anew) v = new_vcpu();
    if (v) {
        v->idle = false;
        v->seen.robust_list = &v->robust_list;
        v->seen.clear_child_tid = &v->clear_child_tid;
        vcpu_clear(&v->seen);
        memcpy(v->context, fresh_, uc.context_size(cpu_));
        if (on_cpu_ == v) on_cpu_ = NULL;
    }
    give_turn();
    return v ? &v->seen : NULL;
}

static void destroy(struct vcpu *seen) {
    take_turn(true);
    ((struct sim_vcpu *)seen)->idle = true;
    give_turn();
}

static int run(struct vcpu *seen) {
    struct sim_vcpu *v = (struct sim_vcpu *)seen;
    struct fault fault;
    int ran = RAN_STOPPED;
    while (ran == RAN_STOPPED) {
        if (*signal_caught()) return EXIT_SIGNAL;
        take_turn(false);
        switch_to(v);
        if (flush_tables_) uc.ctl(cpu_, UC_CTL_TLB_FLUSH);
        if (flush_code_) cpu_forget_code();
        flush_tables_ = flush_code_ = false;
        ran = cpu_run(seen, &fault);
        give_turn();
    }
    if (ran == RAN_CALL) return EXIT_SYSCALL;
    if (ran == RAN_REFUSED) return EXIT_MEMORY;
    if (ran == RAN_FAILED) return EXIT_ERROR;
    seen->vector = fault.vector, seen->error_code = fault.error_code, seen->address = fault.address;
    return EXIT_FAULT;
}

static int call_for_ever(struct vcpu *seen) {
    cpu_call_for_ever(seen->regs);
    return 0;
}

/* ---- extended state ---- */

static int get_xstate(struct vcpu *seen, void *area) {
    take_turn(true);
    switch_to((struct sim_vcpu *)seen);
    int error = cpu_get_xstate(area);
    give_turn();
    return error;
}

static int set_xstate(struct vcpu *seen, const void *area, size_t size) {
    take_turn(true);
    switch_to((struct sim_vcpu *)seen);
    int error = cpu_set_xstate(area, size);
    give_turn();
    return error;
}

static int save_xstate(struct vcpu *seen, uint64_t gva) {
    uint8_t area[XSTATE_MAX];
    int error = get_xstate(seen, area);
    return error ? error : frame_write(gva, area);
}

static int load_xstate(struct vcpu *seen, uint64_t gva, uint64_t features) {
    uint8_t area[XSTATE_MAX];
    int error = frame_read(area, gva, features);
    return error ? error : set_xstate(seen, area, xstate_size());
}

static int settle_xstate(struct vcpu *seen) {
    (void)seen;
    return 0;
}

/* ---- memory ---- */

static int show(unsigned id, uint64_t gpa, void *host, uint64_t size) {
    (void)id;
    take_turn(true);
    int error = uc.mem_map_ptr(cpu_, gpa, size, UC_PROT_ALL, host);
    give_turn();
    return error ? fail(-ENOMEM, "%s: %s", cpu_name(), uc.strerror(error)) : 0;
}

static void lowered(bool code) {
    take_turn(true);
    flush_tables_ = true;
    flush_code_ |= code;
    give_turn();
}

static void restructured(void) { lowered(false); }

/* ---- fork ---- */

/* All of Unicorn's is memory that a fork copies, when nobody is in it. */
static int fork_prepare(struct vcpu *cpu) {
    take_turn(true);
    switch_to((struct sim_vcpu *)cpu);
    return 0;
}

static int fork_child(struct vcpu *cpu) {
    struct sim_vcpu *kept = (struct sim_vcpu *)cpu;
    for (struct sim_vcpu *v = vcpus_, *next; v; v = next) {
        next = v->next;
        if (v != kept) v->idle = true;
    }
    next_ = serving_ = 0;
    blocks_forked();
    return 0;
}

/* ---- */

static void stop_this(void) {
    if (cpu_runs_here()) cpu_stop();
}

static int sim_open(const char *library) {
    physical_limit(1ull << 40); /* Unicorn's */
    int error = cpu_open(library);
    if (error) return error;
    signal_stops(stop_this, cpu_fault);
    return 0;
}

const struct engine sim_engine = {
    .open = sim_open,
    .cpuid = cpu_leaves,
    .flavour = cpu_name,
    .show = show,
    .flush = restructured,
    .lowered = lowered,
    .create = create,
    .destroy = destroy,
    .run = run,
    .call_for_ever = call_for_ever,
    .get_xstate = get_xstate,
    .set_xstate = set_xstate,
    .save_xstate = save_xstate,
    .load_xstate = load_xstate,
    .settle_xstate = settle_xstate,
    .fork_prepare = fork_prepare,
    .fork_child = fork_child,
    .fork_parent = give_turn,
    .named = blocks_named,
    .ends = blocks_end,
};
