/* Calls whose memory holds nonsense. */
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static char x[100000];
static struct iovec vectors[40];

int main(void) {
    struct timespec times[2] = {{LONG_MIN, 5}, {LONG_MAX, 5}};
    memset(x, 'x', sizeof x);
    int null = open("/dev/null", O_WRONLY);
    for (int i = 0; i < 40; i++) vectors[i] = (struct iovec){x, 9000};
    utimensat(AT_FDCWD, "/nonexistent", times, 0);
    syscall(SYS_writev, null, vectors, 40);
    vectors[3].iov_base = (void *)5;
    syscall(SYS_writev, null, vectors, 40);
    syscall(SYS_sendmsg, 0, x, 0);
    syscall(SYS_execve, x, x, x);
    syscall(SYS_connect, 0, x, 1);
    syscall(SYS_poll, x, 1u << 31, 0);
    syscall(SYS_clone3, x, 4096);
    syscall(SYS_getdents64, 0, x, -1);
    syscall(SYS_select, 1 << 30, x, x, x, 0);
    syscall(SYS_futex, x, -1, -1, -1, -1, -1);
    syscall(SYS_rt_sigaction, 1000, x, x, 8);
    syscall(SYS_ioctl, 0, -1, x);
    syscall(600, 1, 2, 3);
}
