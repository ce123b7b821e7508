/* A pseudo-terminal of one's own: sizes, modes, canonical and raw input, echo, end of file, hang-up. */
#include "check.h"
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <termios.h>

int main(void) {
    signal(SIGHUP, SIG_IGN);
    char text[100];
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

    CHECK(write(master, "line\n", 5) == 5);
    CHECK(read(slave, text, sizeof text) == 5 && !memcmp(text, "line\n", 5));
    CHECK(read(master, text, sizeof text) == 6 && !memcmp(text, "line\r\n", 6)); /* the echo */
    CHECK(write(slave, "a\nb", 3) == 3 && read(master, text, sizeof text) == 4 && !memcmp(text, "a\r\nb", 4));

    struct termios t, raw;
    CHECK(tcgetattr(slave, &t) == 0 && (t.c_lflag & ICANON) && (t.c_lflag & ECHO) && t.c_cc[VEOF] == 4);
    CHECK(write(master, "half\x15gone\n", 10) == 10 && read(slave, text, sizeof text) == 5 && !memcmp(text, "gone\n", 5));
    CHECK(tcflush(master, TCIOFLUSH) == 0);
    CHECK(write(master, "\4", 1) == 1 && read(slave, text, sizeof text) == 0);
    raw = t;
    cfmakeraw(&raw);
    raw.c_cc[VMIN] = 0, raw.c_cc[VTIME] = 0;
    CHECK(tcsetattr(slave, TCSAFLUSH, &raw) == 0 && tcgetattr(master, &t) == 0 && !(t.c_lflag & (ICANON | ECHO)));
    CHECK(tcflush(slave, TCIOFLUSH) == 0 && read(slave, text, sizeof text) == 0);
    CHECK(write(master, "x\4\r", 3) == 3 && read(slave, text, sizeof text) == 3 && !memcmp(text, "x\4\r", 3));
    CHECK(cfsetospeed(&raw, B38400) == 0 && tcsetattr(slave, TCSANOW, &raw) == 0 && tcgetattr(slave, &t) == 0);
    CHECK(cfgetospeed(&t) == B38400 && tcdrain(slave) == 0);

    int n = -1;
    CHECK(write(master, "12345", 5) == 5 && ioctl(slave, FIONREAD, &n) == 0 && n == 5);
    struct pollfd p = {slave, POLLIN | POLLOUT, 0};
    CHECK(poll(&p, 1, 0) == 1 && p.revents == (POLLIN | POLLOUT));
    CHECK_ERRNO(ioctl(master, 0x54ff, &n), ENOTTY);
    CHECK_ERRNO(tcgetpgrp(slave), ENOTTY); /* it controls nobody */

    CHECK(close(slave) == 0);
    p = (struct pollfd){master, POLLIN, 0};
    CHECK(poll(&p, 1, 0) == 1 && (p.revents & POLLHUP));
    CHECK_ERRNO(read(master, text, sizeof text), EIO);
    CHECK((slave = open(name, O_RDWR | O_NOCTTY)) >= 0 && close(master) == 0);
    CHECK(read(slave, text, 0) == 0 || errno == EIO);
    CHECK_ERRNO(write(slave, "x", 1), EIO);
}
