/* Input and output at ports are the kernel's (ioperm(2)): SIGSEGV at the instruction, which has done nothing. */
#include "check.h"
#include <setjmp.h>
#include <signal.h>
#include <ucontext.h>

enum { MARK = 0x55, COUNT = 3 };

static sigjmp_buf back;
static greg_t regs[NGREG];
static int code;

static void caught(int number, siginfo_t *info, void *context) {
    code = number == SIGSEGV && !info->si_addr ? info->si_code : -1;
    memcpy(regs, ((ucontext_t *)context)->uc_mcontext.gregs, sizeof regs);
    siglongjmp(back, 1);
}

/* Runs the instruction's bytes, with the port in DX. It must not end. */
static void fails(uint8_t *place, const uint8_t *bytes, int length, long port) {
    uint8_t memory[16];
    memset(memory, MARK, sizeof memory);
    memcpy(place, bytes, (size_t)length);
    place[length] = 0xc3; /* ret */
    if (!sigsetjmp(back, 1)) {
        long count = COUNT, value = 0x1234;
        uint8_t *from = memory, *to = memory + 8;
        asm volatile("call *%[place]"
                     : "+c"(count), "+S"(from), "+D"(to), "+a"(value)
                     : "d"(port), [place] "r"(place)
                     : "memory");
        CHECK(!"it ended");
    }
    CHECK(code == SI_KERNEL && regs[REG_RIP] == (greg_t)place && regs[REG_TRAPNO] == 13 && regs[REG_ERR] == 0);
    CHECK(regs[REG_RCX] == COUNT && regs[REG_RAX] == 0x1234 && regs[REG_RDX] == port);
    CHECK(regs[REG_RSI] == (greg_t)memory && regs[REG_RDI] == (greg_t)(memory + 8));
    for (size_t i = 0; i < sizeof memory; i++) CHECK(memory[i] == MARK);
}

int main(void) {
    static const struct {
        int length, port_at; /* the byte that is the port; 0: none */
        uint8_t bytes[4];
    } instructions[] = {
        {2, 1, {0xe4}}, {2, 1, {0xe5}},       {2, 1, {0xe6}},       {2, 1, {0xe7}},       {3, 2, {0x66, 0xe5}}, {1, 0, {0xec}},
        {1, 0, {0xed}}, {1, 0, {0xee}},       {1, 0, {0xef}},       {1, 0, {0x6c}},       {1, 0, {0x6d}},       {1, 0, {0x6e}},
        {1, 0, {0x6f}}, {2, 0, {0xf3, 0x6c}}, {2, 0, {0xf3, 0x6e}}, {2, 0, {0xf3, 0x6f}}, {2, 0, {0x66, 0xef}},
    };
    struct sigaction action = {.sa_sigaction = caught, .sa_flags = SA_SIGINFO};
    CHECK(sigaction(SIGSEGV, &action, NULL) == 0);
    uint8_t *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(page != MAP_FAILED);
    for (long port = 0; port < 256; port++)
        for (size_t i = 0; i < sizeof instructions / sizeof *instructions; i++) {
            uint8_t bytes[4];
            memcpy(bytes, instructions[i].bytes, sizeof bytes);
            if (instructions[i].port_at) bytes[instructions[i].port_at] = (uint8_t)port;
            fails(page, bytes, instructions[i].length, port);
            fails(page + 64, bytes, instructions[i].length, port);
        }
}
