/* Record locks of both kinds (POSIX and open file description) and flock(2), within one process. */
#include "check.h"
#include <sys/file.h>

static int lock(int fd, int command, int type, off_t start, off_t length) {
    struct flock l = {.l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = length};
    return fcntl(fd, command, &l);
}

static struct flock ask(int fd, int command, int type, off_t start, off_t length) {
    struct flock l = {.l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = length};
    CHECK(fcntl(fd, command, &l) == 0);
    return l;
}

int main(void) {
    int one = make_file("file", "0123456789", 10), two = open("file", O_RDWR), reader = open("file", O_RDONLY);

    CHECK(lock(one, F_SETLK, F_WRLCK, 0, 0) == 0);
    CHECK(ask(two, F_GETLK, F_WRLCK, 0, 0).l_type == F_UNLCK); /* a process does not bar itself */
    CHECK(lock(two, F_SETLKW, F_RDLCK, 2, 3) == 0 && lock(two, F_SETLK, F_UNLCK, 0, 0) == 0);
    CHECK_ERRNO(lock(reader, F_SETLK, F_WRLCK, 0, 1), EBADF);
    CHECK(lock(reader, F_SETLK, F_RDLCK, 0, 1) == 0);
    CHECK_ERRNO(lock(one, F_SETLK, 9, 0, 1), EINVAL);
    CHECK_ERRNO(lock(one, F_SETLK, F_WRLCK, -1, 1), EINVAL);
    CHECK_ERRNO(lock(one, F_SETLK, F_WRLCK, 2, INT64_MAX), EOVERFLOW);
    CHECK_ERRNO(fcntl(one, F_SETLK, (void *)8), EFAULT);
    CHECK_ERRNO(lock(99, F_SETLK, F_WRLCK, 0, 1), EBADF);
    CHECK(lock(one, F_SETLK, F_UNLCK, 0, 0) == 0);

    CHECK(lock(one, F_OFD_SETLK, F_WRLCK, 2, 3) == 0);
    CHECK_ERRNO(lock(two, F_OFD_SETLK, F_RDLCK, 4, 1), EAGAIN);
    CHECK(lock(two, F_OFD_SETLK, F_WRLCK, 5, 1) == 0);
    struct flock found = ask(two, F_OFD_GETLK, F_RDLCK, 0, 5);
    CHECK(found.l_type == F_WRLCK && found.l_start == 2 && found.l_len == 3 && found.l_pid == -1);
    CHECK(lock(one, F_OFD_SETLK, F_RDLCK, 2, 3) == 0 && lock(two, F_OFD_SETLKW, F_RDLCK, 4, 1) == 0);
    struct flock with_pid = {.l_type = F_RDLCK, .l_pid = 1};
    CHECK_ERRNO(fcntl(one, F_OFD_SETLK, &with_pid), EINVAL);
    CHECK(lock(one, F_OFD_SETLK, F_UNLCK, 0, 0) == 0 && lock(two, F_OFD_SETLK, F_UNLCK, 0, 0) == 0);

    CHECK(flock(one, LOCK_EX) == 0);
    CHECK_ERRNO(flock(two, LOCK_SH | LOCK_NB), EWOULDBLOCK);
    int same = dup(one);
    CHECK(flock(same, LOCK_SH | LOCK_NB) == 0 && flock(two, LOCK_SH | LOCK_NB) == 0);
    CHECK_ERRNO(flock(one, LOCK_EX | LOCK_NB), EWOULDBLOCK);
    CHECK(close(two) == 0 && flock(one, LOCK_EX | LOCK_NB) == 0 && flock(one, LOCK_UN) == 0);
    CHECK_ERRNO(flock(one, 0), EINVAL);
    CHECK_ERRNO(flock(99, LOCK_EX), EBADF);
}
