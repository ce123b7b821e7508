/* Options whose value holds addresses: of memory for what is received, of a table's old counters. */
#include "check.h"
#include <arpa/inet.h>
#include <linux/netfilter_ipv4/ip_tables.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/socket.h>

static char *unreadable; /* a page that is not there */

/* TCP_ZEROCOPY_RECEIVE */
static void receiving(void) {
    struct { /* struct tcp_zerocopy_receive */
        uint64_t address;
        uint32_t length, skip, inq;
        int32_t error;
        uint64_t copy;
        int32_t copy_size;
        uint32_t flags;
        uint64_t control, control_size;
        uint32_t message_flags, reserved;
    } receive = {0};
    int listener = socket(AF_INET, SOCK_STREAM, 0), client = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof name;
    CHECK(bind(listener, (void *)&name, size) == 0 && listen(listener, 1) == 0 &&
          getsockname(listener, (void *)&name, &size) == 0);
    CHECK(connect(client, (void *)&name, sizeof name) == 0);
    int server = accept(listener, NULL, NULL);
    void *pages = mmap(NULL, 16 * PAGE, PROT_READ, MAP_SHARED, server, 0);
    char text[PAGE] = "", byte;
    CHECK(server >= 0 && pages != MAP_FAILED);
    CHECK(write(client, "few bytes", 9) == 9 && recv(server, &byte, 1, MSG_PEEK) == 1);
    receive.address = (uintptr_t)pages, receive.length = 16 * PAGE;
    receive.copy = (uintptr_t)text, receive.copy_size = sizeof text;
    size = sizeof receive;
    CHECK(getsockopt(server, IPPROTO_TCP, 35, &receive, &size) == 0 && size == sizeof receive);
    CHECK(receive.copy_size == 9 && !memcmp(text, "few bytes", 9));
    CHECK(receive.address == (uintptr_t)pages && receive.copy == (uintptr_t)text);
    CHECK_ERRNO(setsockopt(server, IPPROTO_TCP, 35, &receive, sizeof receive), ENOPROTOOPT);
    size = 8;
    CHECK_ERRNO(getsockopt(server, IPPROTO_TCP, 35, &receive, &size), EINVAL);
    size = sizeof receive;
    CHECK_ERRNO(getsockopt(server, IPPROTO_TCP, 35, unreadable, &size), EFAULT);
    CHECK_ERRNO(getsockopt(server, IPPROTO_TCP, 35, &receive, (void *)unreadable), EFAULT);
    CHECK_ERRNO(getsockopt(-1, IPPROTO_TCP, 35, &receive, (void *)unreadable), EBADF);
    size = -1;
    CHECK_ERRNO(getsockopt(server, IPPROTO_TCP, 35, &receive, &size), EINVAL);
    receive.address = 8; /* no page's */
    size = sizeof receive;
    CHECK_ERRNO(getsockopt(server, IPPROTO_TCP, 35, &receive, &size), EINVAL);
    CHECK_ERRNO(setsockopt(server, SOL_SOCKET, SO_ATTACH_FILTER, &receive, -1), EINVAL);
    CHECK_ERRNO(setsockopt(server, SOL_SOCKET, SO_ATTACH_FILTER, unreadable, 8), EFAULT);
    CHECK(close(server) == 0 && close(client) == 0 && close(listener) == 0 && munmap(pages, 16 * PAGE) == 0);
}

/* Where it may be done, a table of iptables' is replaced by itself, and the old rules' counters are told. */
static void tables(void) {
    struct ipt_getinfo info = {.name = "filter"};
    socklen_t size = sizeof info;
    if (unshare(CLONE_NEWNET)) return;
    int s = socket(AF_INET, SOCK_RAW, IPPROTO_RAW);
    if (s < 0 || getsockopt(s, IPPROTO_IP, IPT_SO_GET_INFO, &info, &size)) return;
    struct ipt_get_entries *entries = calloc(1, sizeof *entries + info.size);
    struct ipt_replace *replace = calloc(1, sizeof *replace + info.size);
    struct xt_counters *counters = malloc(info.num_entries * sizeof *counters);
    strcpy(entries->name, info.name);
    entries->size = info.size;
    size = sizeof *entries + info.size;
    CHECK(getsockopt(s, IPPROTO_IP, IPT_SO_GET_ENTRIES, entries, &size) == 0);
    strcpy(replace->name, info.name);
    replace->valid_hooks = info.valid_hooks;
    replace->num_entries = replace->num_counters = info.num_entries;
    replace->size = info.size;
    memcpy(replace->hook_entry, info.hook_entry, sizeof info.hook_entry);
    memcpy(replace->underflow, info.underflow, sizeof info.underflow);
    memcpy(replace->entries, entries->entrytable, info.size);
    memset(counters, 0xff, info.num_entries * sizeof *counters);
    replace->counters = counters;
    CHECK(setsockopt(s, IPPROTO_IP, IPT_SO_SET_REPLACE, replace, sizeof *replace + info.size) == 0);
    for (unsigned i = 0; i < info.num_entries; i++) CHECK(counters[i].pcnt == 0 && counters[i].bcnt == 0);
    CHECK_ERRNO(setsockopt(s, IPPROTO_IP, IPT_SO_SET_REPLACE, replace, sizeof *replace - 8), EINVAL);
    CHECK(close(s) == 0);
}

int main(void) {
    unreadable = mmap(NULL, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    receiving();
    tables();
    return 0;
}
