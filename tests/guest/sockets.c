/* socket(2), sendmsg(2), recvmsg(2), cmsg(3), sendmmsg(2): structs that hold pointers, descriptors in messages. */
#include "check.h"
#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>

static char *unreadable; /* a page that is not there */

static void streams(void) {
    int server = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), client = socket(AF_UNIX, SOCK_STREAM, 0);
    struct sockaddr_un name = {AF_UNIX, "socket"}, peer;
    socklen_t size = sizeof name;
    CHECK(bind(server, (void *)&name, sizeof name) == 0);
    CHECK_ERRNO(bind(client, (void *)&name, sizeof name), EADDRINUSE);
    CHECK_ERRNO(connect(client, (void *)&name, sizeof name), ECONNREFUSED);
    CHECK(listen(server, 1) == 0 && connect(client, (void *)&name, sizeof name) == 0);
    int side = accept4(server, (void *)&peer, &size, SOCK_NONBLOCK);
    CHECK(side >= 0 && size == sizeof peer.sun_family);
    size = sizeof peer;
    CHECK(getpeername(client, (void *)&peer, &size) == 0 && !strcmp(peer.sun_path, "socket"));
    CHECK_ERRNO(getsockname(client, (void *)&peer, (void *)unreadable), EFAULT);
    char text[16];
    CHECK_ERRNO(recv(side, text, sizeof text, 0), EAGAIN);
    CHECK(send(client, "hello", 5, MSG_MORE) == 5 && recv(side, text, sizeof text, MSG_PEEK) == 5);
    CHECK(recv(side, text, 2, 0) == 2 && read(side, text, sizeof text) == 3 && !memcmp(text, "llo", 3));
    CHECK_ERRNO(send(client, unreadable, 5, 0), EFAULT);
    CHECK(shutdown(client, SHUT_WR) == 0 && read(side, text, sizeof text) == 0);
    CHECK(close(side) == 0);
    CHECK_ERRNO(send(client, "x", 1, MSG_NOSIGNAL), EPIPE);
    CHECK_ERRNO(listen(0, 1), ENOTSOCK);
    CHECK(close(server) == 0 && close(client) == 0 && unlink("socket") == 0);
}

static void messages(void) {
    int pair[2], passed;
    CHECK(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair) == 0);
    char one[4], two[16], control[CMSG_SPACE(sizeof(int)) + 16] = "";
    struct iovec parts[] = {{"hello ", 6}, {"world", 5}}, places[] = {{one, 4}, {two, 16}};
    struct msghdr out = {.msg_iov = parts, .msg_iovlen = 2, .msg_control = control, .msg_controllen = CMSG_LEN(sizeof(int))};
    struct msghdr in = {.msg_iov = places, .msg_iovlen = 2, .msg_control = control, .msg_controllen = sizeof control};
    *CMSG_FIRSTHDR(&out) = (struct cmsghdr){CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS};
    memcpy(CMSG_DATA(CMSG_FIRSTHDR(&out)), &pair[0], sizeof(int));
    CHECK(sendmsg(pair[0], &out, 0) == 11);
    memset(control, 0, sizeof control);
    CHECK(recvmsg(pair[1], &in, MSG_CMSG_CLOEXEC) == 11 && !memcmp(one, "hell", 4) && !memcmp(two, "o world", 7));
    CHECK(in.msg_controllen == CMSG_SPACE(sizeof(int)) && in.msg_flags == MSG_CMSG_CLOEXEC && in.msg_namelen == 0);
    memcpy(&passed, CMSG_DATA(CMSG_FIRSTHDR(&in)), sizeof passed);
    CHECK(fcntl(passed, F_GETFD) == FD_CLOEXEC && write(passed, "again", 5) == 5 && close(passed) == 0);
    in.msg_iovlen = 1, in.msg_controllen = 0;
    CHECK(recvmsg(pair[1], &in, 0) == 4 && in.msg_flags == MSG_TRUNC);

    passed = 999;
    memcpy(CMSG_DATA(CMSG_FIRSTHDR(&out)), &passed, sizeof passed);
    *CMSG_FIRSTHDR(&out) = (struct cmsghdr){CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS};
    CHECK_ERRNO(sendmsg(pair[0], &out, 0), EBADF);
    out.msg_control = unreadable;
    CHECK_ERRNO(sendmsg(pair[0], &out, 0), EFAULT);
    out.msg_controllen = 0, out.msg_iovlen = 1025;
    CHECK_ERRNO(sendmsg(pair[0], &out, 0), EMSGSIZE);
    out.msg_iovlen = 2, parts[1].iov_base = unreadable;
    CHECK_ERRNO(sendmsg(pair[0], &out, 0), EFAULT);
    CHECK_ERRNO(sendmsg(pair[0], (void *)unreadable, 0), EFAULT);
    CHECK_ERRNO(sendmsg(0, (void *)unreadable, 0), ENOTSOCK);
    CHECK_ERRNO(recvmsg(-1, (void *)unreadable, 0), EBADF);
    CHECK_ERRNO(recvmsg(pair[1], &in, MSG_DONTWAIT), EAGAIN);

    struct iovec rows[] = {{"a", 1}, {"bcd", 3}, {unreadable, 1}};
    struct mmsghdr several[3] = {{.msg_hdr = {.msg_iov = rows, .msg_iovlen = 1}},
                                 {.msg_hdr = {.msg_iov = rows + 1, .msg_iovlen = 1}},
                                 {.msg_hdr = {.msg_iov = rows + 2, .msg_iovlen = 1}}};
    CHECK(sendmmsg(pair[0], several, 3, 0) == 2 && several[0].msg_len == 1 && several[1].msg_len == 3);
    rows[0] = places[0], rows[1] = places[1];
    CHECK(recvmmsg(pair[1], several, 3, MSG_DONTWAIT, NULL) == 2 && several[1].msg_len == 3 && !memcmp(two, "bcd", 3));
    CHECK_ERRNO(sendmmsg(pair[0], (void *)unreadable, 1, 0), EFAULT);
    CHECK(sendmmsg(pair[0], (void *)unreadable, 0, 0) == 0);
    CHECK(close(pair[0]) == 0 && close(pair[1]) == 0);
}

static void datagrams(void) {
    int server = socket(AF_INET, SOCK_DGRAM, 0), client = socket(AF_INET, SOCK_DGRAM, 0);
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}}, from, own;
    socklen_t size = sizeof name;
    CHECK(bind(server, (void *)&name, size) == 0 && getsockname(server, (void *)&name, &size) == 0 && name.sin_port);
    CHECK(sendto(client, "first", 5, 0, (void *)&name, size) == 5 && sendto(client, "second", 6, 0, (void *)&name, size) == 6);
    CHECK(getsockname(client, (void *)&own, &size) == 0);
    char text[16];
    CHECK(recvfrom(server, text, sizeof text, 0, (void *)&from, &size) == 5 && from.sin_port == own.sin_port);
    struct iovec place = {text, sizeof text};
    memset(&from, 0, sizeof from);
    struct msghdr in = {.msg_name = &from, .msg_namelen = sizeof from + 10, .msg_iov = &place, .msg_iovlen = 1};
    CHECK(recvmsg(server, &in, 0) == 6 && in.msg_namelen == sizeof from && from.sin_port == own.sin_port);

    int value = 0;
    size = sizeof value;
    CHECK(getsockopt(server, SOL_SOCKET, SO_TYPE, &value, &size) == 0 && value == SOCK_DGRAM && size == 4);
    CHECK_ERRNO(getsockopt(server, SOL_SOCKET, SO_TYPE, unreadable, &size), EFAULT);
    static const uint64_t nothing = 6; /* BPF_RET | BPF_K, 0 */
    struct {                           /* struct sock_fprog */
        unsigned short count;
        const void *code;
    } program = {1, &nothing}, broken = {1, unreadable};
    CHECK_ERRNO(setsockopt(server, SOL_SOCKET, SO_ATTACH_FILTER, &broken, sizeof broken), EFAULT);
    CHECK(setsockopt(server, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) == 0);
    CHECK(sendto(client, "third", 5, 0, (void *)&name, sizeof name) == 5);
    CHECK_ERRNO(recv(server, text, sizeof text, MSG_DONTWAIT), EAGAIN);

    struct ifreq rows[8];
    struct ifconf interfaces = {.ifc_len = sizeof rows, .ifc_req = rows};
    CHECK(ioctl(server, SIOCGIFCONF, &interfaces) == 0 && interfaces.ifc_req == rows && interfaces.ifc_len % sizeof *rows == 0);
    interfaces.ifc_req = (void *)unreadable;
    if (interfaces.ifc_len) CHECK_ERRNO(ioctl(server, SIOCGIFCONF, &interfaces), EFAULT);
    CHECK(close(server) == 0 && close(client) == 0);
}

int main(void) {
    unreadable = mmap(NULL, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    streams();
    messages();
    datagrams();
}
