/* A pseudo-terminal of one's own: sizes, modes, canonical and raw input, echo, end of file, hang-up. */
#include "check.h"
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <termios.h>

/* Waits until `fd` gives exactly this: what is written to one side comes out at the other a little later, in pieces. */
static int gives(int fd, const char *expected, size_t size) {
    char text[100];
    for (size_t have = 0; have < size;) {
        struct pollfd p = {fd, POLLIN, 0};
        if (poll(&p, 1, 10000) != 1) return 0;
        ssize_t n = read(fd, text, size - have);
        if (n <= 0 || memcmp(text, expected + have, n)) return 0;
        have += n;
    }
    return 1;
}

static int waits_for(int fd, int size) {
    int n = -1;
    for (int i = 0; i < 10000 && n != size; i++) {
        CHECK(ioctl(fd, FIONREAD, &n) == 0);
        usleep(1000 * (n != size));
    }
    return n == size;
}

int main(void) {
    signal(SIGHUP, SIG_IGN);
    char byte;
    int master = posix_openpt(O_RDWR | O_NOCTTY);
    CHECK(master >= 0 && grantpt(master) == 0 && unlockpt(master) == 0);
    const char *name = ptsname(master);
    CHECK(name && !strncmp(name, "/dev/pts/", 9));
    int slave = open(name, O_RDWR | O_NOCTTY);
    CHECK(slave >= 0 && isatty(slave) && isatty(master) && !strcmp(ttyname(slave), name));

    struct winsize size = {40, 132, 0, 0}, found = {0};
    CHECK(ioctl(master, TIOCSWINSZ, &size) == 0 && ioctl(slave, TIOCGWINSZ, &found) == 0);
    CHECK(found.ws_row == 40 && found.ws_col == 132);
    CHECK_ERRNO(ioctl(slave, TIOCGWINSZ, 8), EFAULT);

    CHECK(write(master, "line\n", 5) == 5 && gives(slave, "line\n", 5));
    CHECK(gives(master, "line\r\n", 6)); /* the echo */
    CHECK(write(slave, "a\nb", 3) == 3 && gives(master, "a\r\nb", 4));

    struct termios t, raw;
    CHECK(tcgetattr(slave, &t) == 0 && (t.c_lflag & ICANON) && (t.c_lflag & ECHO) && t.c_cc[VEOF] == 4);
    CHECK(write(master, "half\x15gone\n", 10) == 10 && gives(slave, "gone\n", 5)); /* ^U kills the line */
    CHECK(write(master, "\4", 1) == 1 && read(slave, &byte, 1) == 0);              /* ^D ends the file */
    raw = t;
    cfmakeraw(&raw);
    raw.c_cc[VMIN] = 0, raw.c_cc[VTIME] = 0;
    CHECK(tcsetattr(slave, TCSAFLUSH, &raw) == 0 && tcgetattr(master, &t) == 0 && !(t.c_lflag & (ICANON | ECHO)));
    CHECK(tcflush(master, TCIOFLUSH) == 0 && tcflush(slave, TCIOFLUSH) == 0 && read(slave, &byte, 1) == 0);
    CHECK(write(master, "x\4\r", 3) == 3 && waits_for(slave, 3) && gives(slave, "x\4\r", 3));
    CHECK(cfsetospeed(&raw, B38400) == 0 && tcsetattr(slave, TCSANOW, &raw) == 0 && tcgetattr(slave, &t) == 0);
    CHECK(cfgetospeed(&t) == B38400 && tcdrain(slave) == 0);
    CHECK_ERRNO(ioctl(master, 0x54ff, &size), ENOTTY);
    CHECK_ERRNO(tcgetpgrp(slave), ENOTTY); /* it controls nobody */

    CHECK(close(slave) == 0);
    struct pollfd p = {master, POLLIN, 0};
    CHECK(poll(&p, 1, 10000) == 1 && (p.revents & POLLHUP));
    CHECK_ERRNO(read(master, &byte, 1), EIO);
    CHECK((slave = open(name, O_RDWR | O_NOCTTY)) >= 0 && close(master) == 0);
    CHECK_ERRNO(write(slave, "x", 1), EIO);
}
