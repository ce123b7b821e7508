/* Programs of which it is known how many instructions they execute: one for each -D, with the number in its comments. */
#include <sys/syscall.h>
#define SIGKILL 9
#define SIGSEGV 11
#define SIGALRM 14

.macro make number, a=$0, b=$0, c=$0, d=$0 /* 6 instructions */
    mov \a, %rdi
    mov \b, %rsi
    mov \c, %rdx
    mov \d, %r10
    mov $\number, %eax
    syscall
.endm
.macro leave status=$0 /* 6 */
    make SYS_exit_group, \status
.endm
.macro catch number /* 6 */
    make SYS_rt_sigaction, $\number, $action, $0, $8
.endm

.data
.balign 16
action: .quad handler, 0x44000000, restore, 0 /* SA_NODEFER | SA_RESTORER */
handled: .quad 0
.bss
.balign 4096
buffer: .skip 2 * 4096

.text
restore: /* 2 */
    mov $SYS_rt_sigreturn, %eax
    syscall

.globl _start
#if defined LOOP
handler:
_start: /* 1 + 20 + 6 */
    mov $10, %ecx
1:  dec %ecx
    jnz 1b
    leave

#elif defined REPEAT
handler:
_start: /* 3 + 2 + 2 + 6 */
    mov $buffer, %rdi
    mov $1000, %ecx
    rep stosb
    mov $0, %ecx
    rep stosb
    mov $1, %ecx
    rep stosb
    leave

#elif defined FAULT
handler: /* 2 + 2: goes on two bytes behind the fault */
    addq $2, 0xa8(%rdx)
    ret
_start: /* 6 + 4 + (4) + 1 + 6 */
    catch SIGSEGV
    xor %ebx, %ebx
    nop
    inc %ecx
    inc %ecx
    mov (%rbx), %eax /* 2 bytes; not executed */
    inc %ecx
    leave

#elif defined REPEAT_FAULT
handler: /* 6 + 1 + 2 */
    make SYS_mprotect, $buffer + 4096, $4096, $3
    ret
_start: /* 6 + 6 + 3 + (9) + 6: REP is one instruction, which goes on after the fault */
    catch SIGSEGV
    make SYS_mprotect, $buffer + 4096, $4096, $0
    mov $buffer, %rdi
    mov $8192, %ecx
    rep stosb
    leave

#elif defined REPEAT_ABANDONED
handler: /* 2 + 2: to `behind`, so that REP never ends */
    movq $behind, 0xa8(%rdx)
    ret
_start: /* 6 + 6 + 2 + (4) + 6 */
    catch SIGSEGV
    make SYS_mprotect, $buffer + 4096, $4096, $0
    mov $buffer, %rdi
    mov $8192, %ecx
    rep stosb
behind:
    leave

#elif defined MODIFY /* linked with -N: text is writable */
handler:
_start: /* 1 + 2 * 4 + 1 + 2 + 6 */
    mov $2, %ecx
1:  lea 2f(%rip), %rbx
2:  xchg %ax, %ax /* 2 bytes; then NOP, NOP */
    movw $0x9090, (%rbx)
    dec %ecx
    jnz 1b
    leave

#elif defined MODIFY_AHEAD /* in the block itself */
handler:
_start: /* 2 + 3 + 6 */
    lea 2f(%rip), %rbx
    movw $0x9090, (%rbx)
    nop
2:  ud2 /* becomes NOP, NOP */
    leave

#elif defined MODIFY_LOOP /* what it stores is what is there */
handler:
_start: /* 2 + 10 * 5 + 6 */
    lea 2f(%rip), %rbx
    mov $10, %ecx
1:  nop
    movb $0x90, (%rbx)
2:  nop
    dec %ecx
    jnz 1b
    leave

#elif defined JUMP_BACK /* into a block, at one of its instructions and into the midst of one */
handler:
_start: /* 2 + 2 * 3 + 1 + 4 + 1 + 6 */
    xor %ecx, %ecx
    nop
1:  inc %ecx /* first from above, then from below */
    cmp $2, %ecx
    jb 1b
    jmp 2f + 1
2:  .byte 0xb8 /* mov $..., %eax; from its second byte: NOP, NOP, NOP, NOP */
    nop
    nop
    nop
    nop
    jmp 3f
3:  leave

#elif defined FORK /* here 6 + 2 + 6 + 6, in the child 2 + 10 * 2 + 6 more */
handler:
_start:
    make SYS_fork
    test %eax, %eax
    jz 1f
    make SYS_wait4, $-1
    leave
1:  mov $10, %ecx
2:  dec %ecx
    jnz 2b
    leave $3

#elif defined FORK_KILLED /* here 6 + 2 + 6 + 6, in the child 2 + 6 + 6, the last of which kills */
handler:
_start:
    make SYS_fork
    test %eax, %eax
    jz 1f
    make SYS_wait4, $-1
    leave
1:  make SYS_getpid
    make SYS_kill, %rax, $SIGKILL

#elif defined EXECUTE /* 2 + 1 + 6, then 2 + 6 */
handler:
_start:
    cmpq $1, (%rsp)
    jne 1f
    lea 8(%rsp), %rbx
    make SYS_execve, (%rbx), $arguments
1:  leave
.data
arguments: .quad name, name, 0
name: .asciz "again"
.text

#elif defined THREAD
handler:
_start: /* 6 + 7 + 2 + 6 + 6, and in the thread 2 + 1 + 1000 * 2 + 6 */
    make SYS_mprotect, $buffer, $4096, $3
    mov $0x1350f00, %edi /* VM FS FILES SIGHAND THREAD SYSVSEM PARENT_SETTID CHILD_CLEARTID */
    mov $buffer + 4096, %rsi
    mov $number, %rdx
    mov $number, %r10
    xor %r8d, %r8d
    mov $SYS_clone, %eax
    syscall
    test %eax, %eax
    jz 1f
    make SYS_futex, $number, $0, %rax
    leave
1:  mov $1000, %ecx
2:  dec %ecx
    jnz 2b
    make SYS_exit
.data
number: .quad 0
.text

#elif defined SIGNALS /* 6 + 6 + 1 + 2 * 20000000 + 1 + 6, and 4 for each signal; how many these were is the exit status */
handler: /* 2 + 2 */
    incq handled
    ret
_start:
    catch SIGALRM
    make SYS_setitimer, $0, $timer
    mov $20000000, %ecx
1:  dec %ecx
    jnz 1b
    mov handled, %rbx
    leave %rbx
.data
timer: .quad 0, 20000, 0, 20000
.text

#elif defined KILLED /* 10 * 2 + 1 + 6 + 6, the last of which kills */
handler:
_start:
    mov $10, %ecx
1:  dec %ecx
    jnz 1b
    make SYS_getpid
    make SYS_kill, %rax, $SIGKILL
#endif
