"""Signals: signal(7), sigaction(2), siginfo_t."""

from __future__ import annotations

from .flags import Choice, FlagSet

# signal(7)
SIGHUP = 1
SIGINT = 2
SIGQUIT = 3
SIGILL = 4
SIGTRAP = 5
SIGABRT = 6
SIGIOT = SIGABRT
SIGBUS = 7
SIGFPE = 8
SIGKILL = 9
SIGUSR1 = 10
SIGSEGV = 11
SIGUSR2 = 12
SIGPIPE = 13
SIGALRM = 14
SIGTERM = 15
SIGSTKFLT = 16
SIGCHLD = 17
SIGCONT = 18
SIGSTOP = 19
SIGTSTP = 20
SIGTTIN = 21
SIGTTOU = 22
SIGURG = 23
SIGXCPU = 24
SIGXFSZ = 25
SIGVTALRM = 26
SIGPROF = 27
SIGWINCH = 28
SIGIO = 29
SIGPOLL = SIGIO
SIGPWR = 30
SIGSYS = 31
SIGRTMIN = 32
SIGRTMAX = 64

SIG_DFL = 0
SIG_IGN = 0x1

# rt_sigprocmask(2)
SIG_BLOCK = 0
SIG_UNBLOCK = 1
SIG_SETMASK = 2

# rt_sigaction(2)
SA_RESTORER = 0x4000000
SA_ONSTACK = 0x8000000
SA_RESTART = 0x10000000
SA_NODEFER = 0x40000000
SA_RESETHAND = 0x80000000
SA_SIGINFO = 0x4
SA_NOCLDSTOP = 0x1
SA_NOCLDWAIT = 0x2
SA_UNSUPPORTED = 0x400
SA_EXPOSE_TAGBITS = 0x800
SA_NOMASK = SA_NODEFER
SA_ONESHOT = SA_RESETHAND

# sigaltstack(2)
MINSIGSTKSZ = 2048
SS_ONSTACK = 1
SS_DISABLE = 2
SS_AUTODISARM = 0x80000000

# siginfo_t's si_code, by who sent
SI_USER = 0
SI_KERNEL = 0x80
SI_QUEUE = -1
SI_TIMER = -2
SI_MESGQ = -3
SI_ASYNCIO = -4
SI_SIGIO = -5
SI_TKILL = -6
SI_DETHREAD = -7
SI_ASYNCNL = -60

# of SIGILL
ILL_ILLOPC = 1
ILL_ILLOPN = 2
ILL_ILLADR = 3
ILL_ILLTRP = 4
ILL_PRVOPC = 5
ILL_PRVREG = 6
ILL_COPROC = 7
ILL_BADSTK = 8
ILL_BADIADDR = 9

# of SIGFPE
FPE_INTDIV = 1
FPE_INTOVF = 2
FPE_FLTDIV = 3
FPE_FLTOVF = 4
FPE_FLTUND = 5
FPE_FLTRES = 6
FPE_FLTINV = 7
FPE_FLTSUB = 8
FPE_FLTUNK = 14
FPE_CONDTRAP = 15

# of SIGSEGV
SEGV_MAPERR = 1
SEGV_ACCERR = 2
SEGV_BNDERR = 3
SEGV_PKUERR = 4
SEGV_ACCADI = 5
SEGV_ADIDERR = 6
SEGV_ADIPERR = 7
SEGV_MTEAERR = 8
SEGV_MTESERR = 9

# of SIGBUS
BUS_ADRALN = 1
BUS_ADRERR = 2
BUS_OBJERR = 3
BUS_MCEERR_AR = 4
BUS_MCEERR_AO = 5

# of SIGTRAP
TRAP_BRKPT = 1
TRAP_TRACE = 2
TRAP_BRANCH = 3
TRAP_HWBKPT = 4
TRAP_UNK = 5
TRAP_PERF = 6

# of SIGCHLD
CLD_EXITED = 1
CLD_KILLED = 2
CLD_DUMPED = 3
CLD_TRAPPED = 4
CLD_STOPPED = 5
CLD_CONTINUED = 6

# of SIGIO
POLL_IN = 1
POLL_OUT = 2
POLL_MSG = 3
POLL_ERR = 4
POLL_PRI = 5
POLL_HUP = 6

# of SIGSYS
SYS_SECCOMP = 1
SYS_USER_DISPATCH = 2

# sigevent(7)
SIGEV_SIGNAL = 0
SIGEV_NONE = 1
SIGEV_THREAD = 2
SIGEV_THREAD_ID = 4

# signalfd(2)
SFD_CLOEXEC = 0x80000
SFD_NONBLOCK = 0x800

# A signal frame's ucontext (<asm/ucontext.h>, <asm/sigcontext.h>)
FP_XSTATE_MAGIC1 = 0x46505853
FP_XSTATE_MAGIC2 = 0x46505845
FP_XSTATE_MAGIC2_SIZE = 0x4
UC_FP_XSTATE = 0x1
UC_SIGCONTEXT_SS = 0x2
UC_STRICT_RESTORE_SS = 0x4


class SignalNumber(Choice):
    """A signal."""

    names = (
        "SIGHUP SIGINT SIGQUIT SIGILL SIGTRAP SIGABRT SIGBUS SIGFPE SIGKILL SIGUSR1 SIGSEGV SIGUSR2 SIGPIPE "
        "SIGALRM SIGTERM SIGSTKFLT SIGCHLD SIGCONT SIGSTOP SIGTSTP SIGTTIN SIGTTOU SIGURG SIGXCPU SIGXFSZ "
        "SIGVTALRM SIGPROF SIGWINCH SIGIO SIGPWR SIGSYS SIGRTMIN SIGRTMAX"
    )


class MaskHow(Choice):
    """rt_sigprocmask(2)'s `how`."""

    names = "SIG_BLOCK SIG_UNBLOCK SIG_SETMASK"


class SigactionFlags(FlagSet):
    """`sa_flags`."""

    names = "SA_*"


class AltstackFlags(FlagSet):
    """sigaltstack(2)'s `ss_flags`."""

    names = "SS_*"


class SignalfdFlags(FlagSet):
    """signalfd4(2)'s `flags`."""

    names = "SFD_*"


class Notify(Choice):
    """sigevent(7)'s `sigev_notify`."""

    names = "SIGEV_*"


class SenderCode(Choice):
    """`si_code` where a process or the kernel as such has sent a signal."""

    names = "SI_*"


class IllCode(Choice):
    """`si_code` of SIGILL."""

    names = "ILL_*"


class FpeCode(Choice):
    """`si_code` of SIGFPE."""

    names = "FPE_*"


class SegvCode(Choice):
    """`si_code` of SIGSEGV."""

    names = "SEGV_*"


class BusCode(Choice):
    """`si_code` of SIGBUS."""

    names = "BUS_*"


class TrapCode(Choice):
    """`si_code` of SIGTRAP."""

    names = "TRAP_*"


class ChildCode(Choice):
    """`si_code` of SIGCHLD."""

    names = "CLD_*"
