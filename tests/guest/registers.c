/* The system call convention: every register but RAX, RCX and R11 is kept, RCX and R11 say where and with which flags the
 * program goes on, the flags are kept, and nothing is written into the red zone below the stack pointer. */
#include "check.h"

enum { RAX, RBX, RCX, RDX, RSI, RDI, RBP, R8, R9, R10, R11, R12, R13, R14, R15, FLAGS, RSP, NEXT, COUNT };
uint64_t in[COUNT], out[COUNT], zone[16];

#define LOAD(place, reg) "mov in+8*" #place "(%rip), %" #reg "\n\t"
#define STORE(place, reg) "mov %" #reg ", out+8*" #place "(%rip)\n\t"
#define EACH_16(x) x(1) x(2) x(3) x(4) x(5) x(6) x(7) x(8) x(9) x(10) x(11) x(12) x(13) x(14) x(15) x(16)
#define FILL(n) "movq $0x1000+" #n ", -8*" #n "(%rsp)\n\t"
#define LOOK(n) "mov -8*" #n "(%rsp), %rax\n\tmov %rax, zone-8+8*" #n "(%rip)\n\t"

/* Loads all of `in`, makes the call, stores all in `out`. The flags' own pushes go below the red zone; LEA changes no flag. */
void probe(void);
__asm__(".text\nprobe:\n\t"
        "push %rbx\n\tpush %rbp\n\tpush %r12\n\tpush %r13\n\tpush %r14\n\tpush %r15\n\t" EACH_16(
            FILL) "mov %rsp, in+8*16(%rip)\n\tlea after(%rip), %rax\n\tmov %rax, in+8*17(%rip)\n\t"
                  "lea -256(%rsp), %rsp\n\tpushq in+8*15(%rip)\n\tpopfq\n\tlea 256(%rsp), %rsp\n\t" LOAD(0, rax) LOAD(1, rbx)
                      LOAD(3, rdx) LOAD(4, rsi) LOAD(5, rdi) LOAD(6, rbp) LOAD(7, r8) LOAD(8, r9) LOAD(9, r10) LOAD(11, r12)
                          LOAD(12, r13) LOAD(13, r14) LOAD(14, r15) "syscall\nafter:\t" STORE(0, rax) STORE(1, rbx)
                              STORE(2, rcx) STORE(3, rdx) STORE(4, rsi) STORE(5, rdi) STORE(6, rbp) STORE(7, r8) STORE(8, r9)
                                  STORE(9, r10) STORE(10, r11) STORE(11, r12) STORE(12, r13) STORE(13, r14) STORE(14, r15)
                                      STORE(16, rsp) "lea -256(%rsp), %rsp\n\tpushfq\n\tpopq out+8*15(%rip)\n\tpushq "
                                                     "$0x202\n\tpopfq\n\tlea 256(%rsp), %rsp\n\t" EACH_16(
                                                         LOOK) "pop %r15\n\tpop %r14\n\tpop %r13\n\tpop %r12\n\tpop "
                                                               "%rbp\n\tpop %rbx\n\tret\n");

static void check_call(long number, uint64_t flags, int64_t result) {
    static uint64_t seed = 88172645463325252;
    for (int i = 0; i < COUNT; i++) in[i] = seed = seed * 6364136223846793005 + 1442695040888963407;
    in[RAX] = number, in[FLAGS] = flags;
    in[RDI] = in[RSI] = in[RDX] = in[R10] = 0;
    probe();
    static const char kept[] = {RBX, RDX, RSI, RDI, RBP, R8, R9, R10, R12, R13, R14, R15, RSP, FLAGS};
    for (size_t i = 0; i < sizeof kept; i++) CHECK(out[(int)kept[i]] == in[(int)kept[i]]);
    CHECK(out[RCX] == in[NEXT] && out[R11] == flags && (int64_t)out[RAX] == result);
    for (int i = 0; i < 16; i++) CHECK(zone[i] == 0x1000u + i + 1);
}

int main(void) {
    /* IF and the bit that is always one; then the arithmetic flags, direction, alignment check, ID. */
    static const uint64_t flags[] = {0x202, 0x203, 0x206, 0x212,   0x242,    0x282,
                                     0x602, 0xa02, 0xad7, 0x40202, 0x200202, 0x240ed7};
    for (int round = 0; round < 100; round++)
        for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
            check_call(SYS_getpid, flags[i], getpid());
            check_call(SYS_getppid, flags[i], getppid());
            check_call(1000, flags[i], -ENOSYS);
            check_call(SYS_read, flags[i], 0); /* of no bytes from stdin */
            check_call(SYS_sched_yield, flags[i], 0);
            check_call(SYS_mremap, flags[i], -EINVAL);
        }
}
