/* unix(7): credentials in messages, and names that are none of files. */
#include "children.h"
#include <sys/socket.h>
#include <sys/un.h>

/* One byte with credentials, as the sender says they are. */
static int send_as(int s, const struct ucred *who) {
    char byte = 'x', control[CMSG_SPACE(sizeof *who)] = {0};
    struct iovec part = {&byte, 1};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    struct cmsghdr *head = CMSG_FIRSTHDR(&message);
    *head = (struct cmsghdr){.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_CREDENTIALS, .cmsg_len = CMSG_LEN(sizeof *who)};
    memcpy(CMSG_DATA(head), who, sizeof *who);
    return (int)sendmsg(s, &message, 0);
}

static struct ucred sender(int s) {
    char byte, control[CMSG_SPACE(sizeof(struct ucred))];
    struct iovec part = {&byte, 1};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    struct ucred who;
    CHECK(recvmsg(s, &message, 0) == 1);
    struct cmsghdr *head = CMSG_FIRSTHDR(&message);
    CHECK(head && head->cmsg_level == SOL_SOCKET && head->cmsg_type == SCM_CREDENTIALS && !(message.msg_flags & MSG_CTRUNC));
    memcpy(&who, CMSG_DATA(head), sizeof who);
    return who;
}

static int pair[2];

static int sends(void) { return write(pair[1], "y", 1) != 1; }

int main(void) {
    int on = 1;
    struct ucred own = {getpid(), getuid(), getgid()}, wrong = {getpid(), getuid(), getgid()}, peer;
    socklen_t size = sizeof peer;
    CHECK(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair) == 0 && setsockopt(pair[0], SOL_SOCKET, SO_PASSCRED, &on, sizeof on) == 0);
    CHECK(getsockopt(pair[0], SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && peer.pid == getpid() && peer.uid == getuid());
    CHECK(send_as(pair[1], &own) == 1);
    struct ucred got = sender(pair[0]);
    CHECK(got.pid == getpid() && got.uid == getuid() && got.gid == getgid());
    pid_t pid = start(sends);
    got = sender(pair[0]);
    CHECK(got.pid == pid && got.uid == getuid());
    CHECK(succeeds(pid));
    wrong.uid = getuid() + 1;
    if (getuid()) CHECK_ERRNO(send_as(pair[1], &wrong), EPERM);
    wrong = own, wrong.pid = INT_MAX;
    CHECK_ERRNO(send_as(pair[1], &wrong), getuid() ? EPERM : ESRCH);
    CHECK(close(pair[0]) == 0 && close(pair[1]) == 0);

    struct sockaddr_un name = {.sun_family = AF_UNIX};
    snprintf(name.sun_path + 1, sizeof name.sun_path - 1, "noahpy test %d", getpid());
    size = sizeof name;
    int server = socket(AF_UNIX, SOCK_STREAM, 0), client = socket(AF_UNIX, SOCK_STREAM, 0);
    CHECK(bind(server, (void *)&name, size) == 0 && listen(server, 1) == 0 && connect(client, (void *)&name, size) == 0);
    CHECK_ERRNO(access(name.sun_path, F_OK), ENOENT); /* an abstract name is none of a file */
    CHECK(close(server) == 0 && close(client) == 0);
    return 0;
}
