/* What a guest's SYSCALL enters: it answers calls inside the guest, without an exit, or leaves (inside.c).
 *
 * One page of code, which each vCPU runs at an address of its own, so that the pages behind are its own: answers (read-only),
 * counts, scratch, and the process's actions of rt_sigaction(2) and counts of who waits at futexes (read-only). On PVM it is user code; on plain KVM a kernel's, which ends by
 * SYSRET and touches none of the guest's memory.
 *
 * A signal or a fault may stop a vCPU anywhere in here. The VMM makes a call that was not made of it, or one that is done, by
 * the labels: up to `kept` no register is changed, up to `temporaries` and from `given` to `back` none but r11 and rsp, and from
 * `asked` to `collected` rax; up to `done` those that scratch keeps, and from `commit` to `done` the action, which `undo` keeps. From
 * `collected` to `temporaries`, and from `done` on, the call is done; from `masked` to `mask_told` it is but for the old mask, which
 * `undo` keeps; from `asked` to `collected` the helper says (exitless.c). */
#include "inside.h"

#define AT(page)    (inside_code + INSIDE_##page)
#define S(place)    AT(SCRATCH) + INSIDE_##place(%rip)

#define SPECIAL     0x47500    /* of rflags: TF DF IOPL NT AC. The way back is not made for these */
#define KNOWN_FLAGS 0xdc000807 /* of an action, as in fast.c */
#define HOST_FLAGS  0x10000003 /* of these, the host's kernel's business: SA_RESTART, SA_NOCLDSTOP, SA_NOCLDWAIT */
#define KILL_STOP   0x40100    /* in a set of signals */
#define ARCH_SET_FS 0x1002
#define USER_END    (1 << 47) - 4096
#define LAST_WORD   (1 << 46) - 4
#define FUTEX_WAIT  128 /* of the process alone, as are the others */
#define FUTEX_WAKE  129
#define FUTEX_WAIT_BITSET 137
#define FUTEX_CLOCK 256 /* which tells what a time-out means */
#define EAGAIN      11
#define PATIENCE    500        /* looks */
#define LAST_ACTION (1 << 46) - 32 /* the last address in the window for one */
#define LAST_SET    (1 << 46) - 8  /* and for a set */

.macro label name
    .globl inside_\name
    .hidden inside_\name
inside_\name:
.endm

    .section .rodata
    .balign 64
label code /* rax: number, rcx: where to go back to, r11: rflags */
    cmp $INSIDE_CALLS, %rax
    jae inside_leave_guest
    test $SPECIAL, %r11d
    jnz inside_leave_guest
    mov %r11, S(R11)
    mov %rcx, S(RCX)
    mov %rsp, S(RSP)
label kept
    lea AT(ANSWERS)(%rip), %r11
    mov (%r11, %rax, 8), %r11
    test %r11, %r11
    jz refuse
    js inside_given /* an error */
    bt $INSIDE_BRIEF, %r11
    jc ask
    cmp $INSIDE_SET_ROBUST_LIST, %eax
    je robust_list
    cmp $INSIDE_SIGPROCMASK, %eax
    je mask
    cmp $INSIDE_FUTEX, %eax
    je futex
    cmp $INSIDE_BRK, %eax
    je brk
    cmp $INSIDE_ARCH_PRCTL, %eax
    je arch_prctl
    cmp $INSIDE_SET_TID_ADDRESS, %eax
    je set_tid_address
    cmp $INSIDE_SIGACTION, %eax
    jne inside_given
    cmp $8, %r10 /* edi: signal, rsi: new, rdx: old, r10: size of a set */
    jne refuse
    lea -1(%rdi), %r11d
    cmp $64, %r11d
    jae refuse
    mov %rbx, S(RBX)
    mov %rbp, S(RBP)
    mov %r8, S(R8)
    mov %r9, S(R9)
    jmp inside_temporaries
robust_list:
    cmp $24, %rsi /* its size */
    jne refuse
    mov %rdi, S(ROBUST_LIST) /* which may be done again */
    jmp inside_given
refuse:
    mov S(RSP), %rsp
    mov S(R11), %r11
    jmp inside_leave_guest

brk: /* where it ends */
    test %rdi, %rdi
    jnz refuse
    jmp inside_given
arch_prctl:
    cmp $ARCH_SET_FS, %edi
    jne refuse
    mov $USER_END, %r11
    cmp %r11, %rsi
    jae refuse
    wrfsbase %rsi /* as may be done again */
    mov $1, %r11d
    jmp inside_given
set_tid_address:
    mov AT(ANSWERS) + 8 * INSIDE_GETTID(%rip), %r11
    test %r11, %r11
    jz refuse
    mov %rdi, S(CLEAR_TID)
    jmp inside_given

futex: /* rdi: address, esi: operation, edx: expected, r10: time-out, r9d: set of bits */
    mov $LAST_WORD, %r11
    cmp %r11, %rdi
    ja refuse
    test $3, %dil
    jnz refuse
    cmp $FUTEX_WAKE, %esi
    je wake
    cmp $FUTEX_WAIT, %esi
    je wait
    mov %esi, %esp
    and $~FUTEX_CLOCK, %esp
    cmp $FUTEX_WAIT_BITSET, %esp
    jne refuse
    test %r9d, %r9d
    jz refuse
wait:
    test %r10, %r10
    jnz refuse
    cmp %edx, (%rdi)
    je refuse
    mov $1 - EAGAIN, %r11
    jmp inside_given
wake:
    mov %edi, %esp
    and $0xffc, %esp
    lea AT(WAITERS)(%rip), %r11
    mfence /* what the guest has written is seen before the count is read */
    cmpl $0, (%rsp, %r11)
    jne refuse
    mov $1, %r11d
    jmp inside_given

mask: /* edi: how, rsi: given, rdx: old, r10: size of a set; r11: the new one, rsp: the old one */
    cmp $8, %r10
    jne refuse
    mov $LAST_SET, %r11
    cmp %r11, %rdx
    ja refuse
    mov S(MASK), %rsp
    test %rsi, %rsi
    jz unchanged
    cmp %r11, %rsi
    ja refuse
    mov (%rsi), %r11
    cmp $1, %edi
    jb blocks
    je unblocks
    cmp $2, %edi
    je given_mask
    jmp refuse
unchanged:
    mov %rsp, %r11
    jmp new_mask
unblocks:
    not %r11
    and %rsp, %r11
    jmp new_mask
blocks:
    or %rsp, %r11
given_mask:
    and $~KILL_STOP, %r11
new_mask:
    mov %rsp, S(UNDO)
    mov %r11, %rsp
    not %rsp
    test %rsp, S(WAITING)
    jnz refuse /* it is to be taken now */
    mov %r11, S(MASK)
label masked
    incq AT(COUNTS) + 8 * INSIDE_SIGPROCMASK(%rip)
label mask_counted
    test %rdx, %rdx
    jz mask_done
    mov S(UNDO), %r11
    mov %r11, (%rdx)
mask_done:
    xor %eax, %eax
    jmp inside_back
label mask_told

ask: /* rsp counts, r11 is the state */
    cmpl $0, S(AWAKE)
    je refuse
    mov %rax, S(NUMBER)
    mov %rdi, S(ARGUMENTS)
    mov %rsi, 8 + S(ARGUMENTS)
    mov %rdx, 16 + S(ARGUMENTS)
    mov %r10, 24 + S(ARGUMENTS)
    mov %r8, 32 + S(ARGUMENTS)
    mov %r9, 40 + S(ARGUMENTS)
    mov $PATIENCE, %esp
    movl $EXITLESS_ASKED, S(STATE)
label asked
    mov S(STATE), %r11d
    cmp $EXITLESS_DONE, %r11d
    jae answered
    pause
    dec %esp
    jnz inside_asked
    mov $EXITLESS_ASKED, %eax /* nobody looks? Then it is taken back */
    xor %r11d, %r11d
    lock cmpxchg %r11d, S(STATE)
    mov S(NUMBER), %rax
    jne slow
    movl $0, S(AWAKE)
    jmp refuse
slow:
    mov $PATIENCE, %esp
    cmpl $EXITLESS_TAKEN, S(STATE)
    jne inside_asked
    jmp refuse /* the VMM waits for it */
left:
    movl $EXITLESS_IDLE, S(STATE)
    jmp refuse
answered:
    jne left
    mov S(RESULT), %rax
    movl $EXITLESS_IDLE, S(STATE)
label collected
    mov S(NUMBER), %r11
    lea AT(COUNTS)(%rip), %rsp
    incq (%rsp, %r11, 8)
    jmp inside_back

label temporaries
    shl $5, %r11
    lea AT(ACTIONS)(%rip), %rcx
    add %rcx, %r11
    test %rsi, %rsi
    jz tell
    mov $LAST_ACTION, %rcx
    cmp %rcx, %rsi
    ja refuse_all
    mov (%rsi), %rbx
    mov 8(%rsi), %rbp
    mov 16(%rsi), %r8
    mov 24(%rsi), %r9
    cmp $9, %edi /* SIGKILL */
    je refuse_all
    cmp $19, %edi /* SIGSTOP */
    je refuse_all
    cmp $1, %rbx
    je refuse_all /* SIG_IGN drops the signals that wait; SIG_DFL, too, of CHLD, CONT, URG and WINCH */
    ja handler
    cmp $17, %edi
    je refuse_all
    cmp $18, %edi
    je refuse_all
    cmp $23, %edi
    je refuse_all
    cmp $28, %edi
    je refuse_all
    cmpq $0, (%r11)
    je same
    jmp refuse_all
handler:
    cmpq $1, (%r11)
    jbe refuse_all
same: /* to the host's kernel */
    mov 8(%r11), %rcx
    xor %rbp, %rcx
    test $HOST_FLAGS, %ecx
    jnz refuse_all
    and $KNOWN_FLAGS, %ebp
    and $~KILL_STOP, %r9
tell:
    test %rdx, %rdx
    jz told
    mov $LAST_ACTION, %rcx
    cmp %rcx, %rdx
    ja refuse_all
    mov (%r11), %rcx
    mov %rcx, (%rdx)
    mov 8(%r11), %rcx
    mov %rcx, 8(%rdx)
    mov 16(%r11), %rcx
    mov %rcx, 16(%rdx)
    mov 24(%r11), %rcx
    mov %rcx, 24(%rdx)
told:
    test %rsi, %rsi
    jz inside_done
    mov (%r11), %rcx
    mov %rcx, S(UNDO)
    mov 8(%r11), %rcx
    mov %rcx, 8 + S(UNDO)
    mov 16(%r11), %rcx
    mov %rcx, 16 + S(UNDO)
    mov 24(%r11), %rcx
    mov %rcx, 24 + S(UNDO)
    jmp inside_commit
refuse_all:
    mov S(RBX), %rbx
    mov S(RBP), %rbp
    mov S(R8), %r8
    mov S(R9), %r9
    mov S(RCX), %rcx
    mov S(R11), %r11
    jmp inside_leave_guest
label commit
    mov %rbx, (%r11)
    mov %rbp, 8(%r11)
    mov %r8, 16(%r11)
    mov %r9, 24(%r11)
label done
    incq AT(COUNTS) + 8 * INSIDE_SIGACTION(%rip)
    mov S(RBX), %rbx
    mov S(RBP), %rbp
    mov S(R8), %r8
    mov S(R9), %r9
    mov S(RCX), %rcx
    xor %eax, %eax
    jmp inside_back

label given /* r11: the result plus one */
    lea AT(COUNTS)(%rip), %rsp
    incq (%rsp, %rax, 8)
    lea -1(%r11), %rax
label back
    cmpq $0, AT(ANSWERS) + 8 * INSIDE_KERNEL(%rip)
    jne kernel
    lea S(R11), %rsp
    popfq
    mov S(RSP), %rsp
    mov S(R11), %r11
    jmp *%rcx
kernel:
    mov S(RSP), %rsp
    mov S(R11), %r11
    sysretq

label leave_guest
    out %al, $INSIDE_PORT
    .skip 4, 0xcc /* room for inside_use_gate() */
label end
    .section .note.GNU-stack, "", @progbits
