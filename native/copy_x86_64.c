/* See copy.h. Assembly, because the signal handlers must know every instruction by its address. */
#include "copy.h"

#include "private.h"

/* size_t copy_safely(to=rdi, from=rsi, size=rdx): a fault leaves REP MOVSB with the rest in rcx. */
__asm__(".text\n"
        ".globl copy_safely\n.hidden copy_safely\n.type copy_safely,@function\n"
        "copy_safely:\n"
        "    mov %rdx, %rcx\n"
        "copy_may_fault:\n"
        "    rep movsb\n"
        "copy_done:\n"
        "    mov %rcx, %rax\n"
        "    ret\n"
        ".size copy_safely, . - copy_safely\n");

/* long strnlen_safely(string=rdi, limit=rsi) */
__asm__(".globl strnlen_safely\n.hidden strnlen_safely\n.type strnlen_safely,@function\n"
        "strnlen_safely:\n"
        "    xor %eax, %eax\n"
        "1:  cmp %rsi, %rax\n"
        "    je 2f\n"
        "string_may_fault:\n"
        "    cmpb $0, (%rdi,%rax)\n"
        "    je 2f\n"
        "    inc %rax\n"
        "    jmp 1b\n"
        "2:  ret\n"
        "string_faulted:\n"
        "    mov $-14, %rax\n" /* -EFAULT */
        "    ret\n"
        ".size strnlen_safely, . - strnlen_safely\n");

/* long syscall_unless(caught=rdi, number=rsi, args=rdx). A signal that interrupts between the comparison and the SYSCALL
 * is sent to syscall_aborted by its handler, and so is one after which the kernel would make the call again: it goes back
 * to the SYSCALL. One that comes later makes the kernel return -EINTR. */
__asm__(".globl syscall_unless\n.hidden syscall_unless\n.type syscall_unless,@function\n"
        "syscall_unless:\n"
        "    .cfi_startproc\n"
        "    push %rbx\n"
        "    .cfi_adjust_cfa_offset 8\n"
        "    .cfi_rel_offset %rbx, 0\n"
        "    mov %rdi, %rbx\n"
        "    mov %rsi, %rax\n"
        "    mov %rdx, %r11\n"
        "    mov 0(%r11), %rdi\n"
        "    mov 8(%r11), %rsi\n"
        "    mov 16(%r11), %rdx\n"
        "    mov 24(%r11), %r10\n"
        "    mov 32(%r11), %r8\n"
        "    mov 40(%r11), %r9\n"
        "syscall_check:\n"
        "    cmpl $0, (%rbx)\n"
        "    jne syscall_aborted\n"
        "syscall_enter:\n"
        "    syscall\n"
        "syscall_returned:\n"
        "    pop %rbx\n"
        "    .cfi_remember_state\n"
        "    .cfi_adjust_cfa_offset -8\n"
        "    .cfi_restore %rbx\n"
        "    ret\n"
        "    .cfi_restore_state\n"
        "syscall_aborted:\n"
        "    mov $-512, %rax\n" /* -ERESTARTSYS */
        "    pop %rbx\n"
        "    .cfi_adjust_cfa_offset -8\n"
        "    .cfi_restore %rbx\n"
        "    ret\n"
        "    .cfi_endproc\n"
        ".size syscall_unless, . - syscall_unless\n");

extern const char copy_may_fault[], copy_done[], string_may_fault[], string_faulted[];
extern const char syscall_check[], syscall_enter[], syscall_returned[], syscall_aborted[];

uint64_t copy_fixup(uint64_t pc) {
    if (pc == (uint64_t)copy_may_fault) return (uint64_t)copy_done;
    if (pc == (uint64_t)string_may_fault) return (uint64_t)string_faulted;
    return 0;
}

uint64_t syscall_fixup(uint64_t pc) {
    return pc >= (uint64_t)syscall_check && pc <= (uint64_t)syscall_enter ? (uint64_t)syscall_aborted : pc;
}

bool syscall_left(uint64_t pc) { return pc == (uint64_t)syscall_returned; }
