/* ioctl(2) on files, pipes and what is no terminal. */
#include "check.h"
#include <linux/fs.h>
#include <linux/random.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <termios.h>

#include <linux/ethtool.h>
#include <linux/if_tun.h>
#include <linux/nsfs.h>
#include <linux/sockios.h>
#include <linux/vm_sockets.h>
#include <net/if.h>

int main(void) {
    int fd = make_file("file", "0123456789", 10), p[2], n = -1;
    CHECK(pipe(p) == 0 && write(p[1], "abc", 3) == 3);
    CHECK(ioctl(fd, FIONREAD, &n) == 0 && n == 10 && lseek(fd, 4, SEEK_SET) == 4);
    CHECK(ioctl(fd, FIONREAD, &n) == 0 && n == 6);
    CHECK(ioctl(p[0], FIONREAD, &n) == 0 && n == 3);
    n = 1;
    CHECK(ioctl(p[0], FIONBIO, &n) == 0 && (fcntl(p[0], F_GETFL) & O_NONBLOCK));
    CHECK(ioctl(fd, FIOCLEX) == 0 && fcntl(fd, F_GETFD) == FD_CLOEXEC && ioctl(fd, FIONCLEX) == 0 && fcntl(fd, F_GETFD) == 0);
    CHECK(ioctl(fd, FIGETBSZ, &n) == 0 && n >= 512);
    struct termios t;
    struct winsize w;
    CHECK_ERRNO(ioctl(fd, TCGETS, &t), ENOTTY);
    CHECK_ERRNO(ioctl(p[0], TIOCGWINSZ, &w), ENOTTY);
    CHECK_ERRNO(ioctl(open("/dev/null", O_RDWR), TCGETS, &t), ENOTTY);
    CHECK(!isatty(fd) && errno == ENOTTY);
    CHECK_ERRNO(ioctl(fd, 0x12345678, &n), ENOTTY);
    CHECK_ERRNO(ioctl(99, FIONREAD, &n), EBADF);
    CHECK_ERRNO(ioctl(p[0], FIONREAD, 8), EFAULT);
    CHECK_ERRNO(ioctl(open("file", O_PATH), FIONREAD, &n), EBADF);
    int device = open("/dev/urandom", O_RDONLY);
    n = -1;
    CHECK(ioctl(device, RNDGETENTCNT, &n) == 0 && n > 0);
    CHECK_ERRNO(ioctl(device, RNDGETENTCNT, 8), EFAULT);
    device = open("/dev/vsock", O_RDONLY);
    unsigned cid = 0;
    CHECK(device < 0 || (ioctl(device, IOCTL_VM_SOCKETS_GET_LOCAL_CID, &cid) == 0 && cid > 0));

    /* What is not looked at may be anything. */
    int space = open("/proc/self/ns/net", O_RDONLY), owner = ioctl(space, NS_GET_USERNS, -1);
    CHECK(space >= 0 && ioctl(space, NS_GET_NSTYPE, -1) == 0x40000000 /* CLONE_NEWNET */);
    CHECK(owner > space || errno == EPERM);
    CHECK_ERRNO(ioctl(space, NS_GET_OWNER_UID, 8), EINVAL); /* of a user namespace only */
    int user = open("/proc/self/ns/user", O_RDONLY);
    uid_t uid = 77;
    CHECK(ioctl(user, NS_GET_OWNER_UID, &uid) == 0 && uid != 77);
    CHECK_ERRNO(ioctl(user, NS_GET_OWNER_UID, 8), EFAULT);
    CHECK_ERRNO(ioctl(fd, NS_GET_NSTYPE, -1), ENOTTY);

    int net = socket(AF_INET, SOCK_DGRAM, 0);
    struct ifreq request;
    CHECK_ERRNO(ioctl(net, SIOCSIFNETMASK, 8), EFAULT);
    struct ethtool_value link = {.cmd = ETHTOOL_GLINK};
    request = (struct ifreq){.ifr_name = "lo", .ifr_data = (char *)&link};
    CHECK(ioctl(net, SIOCETHTOOL, &request) == 0 && link.data <= 1 && request.ifr_data == (char *)&link);
    request.ifr_data = (char *)8;
    CHECK_ERRNO(ioctl(net, SIOCETHTOOL, &request), EFAULT);
    CHECK_ERRNO(ioctl(net, SIOCETHTOOL, 8), EFAULT);
    CHECK_ERRNO(ioctl(fd, SIOCETHTOOL, &request), ENOTTY);
    char names[4096];
    struct ifconf interfaces = {.ifc_len = sizeof names, .ifc_buf = names};
    CHECK(ioctl(net, SIOCGIFCONF, &interfaces) == 0 && interfaces.ifc_buf == names);
    CHECK(interfaces.ifc_len >= (int)sizeof request && interfaces.ifc_len % sizeof request == 0 && names[0]);
    interfaces = (struct ifconf){.ifc_len = 0, .ifc_buf = NULL};
    CHECK(ioctl(net, SIOCGIFCONF, &interfaces) == 0 && interfaces.ifc_len > 0 && !interfaces.ifc_buf);
    CHECK_ERRNO(ioctl(fd, TUNSETIFF, &request), ENOTTY);
    device = open("/dev/net/tun", O_RDWR);
    strcpy(request.ifr_name, "noahpy%d");
    request.ifr_flags = IFF_TUN | IFF_NO_PI;
    CHECK(device < 0 || ioctl(device, TUNSETIFF, &request) < 0 ||
          (!strchr(request.ifr_name, '%') && if_nametoindex(request.ifr_name)));
}
