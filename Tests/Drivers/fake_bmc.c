// A BMC behind a file that is not an IPMI device: replaces open(2), ioctl(2) and poll(2) for the path FAKE_BMC_PATH, to be
// preloaded. What the program sends is checked as the kernel's driver would, by linux/ipmi.h's own layouts.
//
//   clang -shared -fPIC -O1 fake_bmc.c -o libfakebmc.so -ldl
//
// FAKE_BMC is a word of: works, silent, busy, inactive, zero, unknown, short, other_group, noise, long, refused.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/ipmi.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static int bmc = -1;
static int waiting;
static struct ipmi_req last;

static int is(const char *behaviour) {
    const char *chosen = getenv("FAKE_BMC");
    return chosen != NULL && strcmp(chosen, behaviour) == 0;
}

int open(const char *path, int flags, ...) {
    int (*real)(const char *, int, ...) = dlsym(RTLD_NEXT, "open");
    va_list list;
    va_start(list, flags);
    int mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(list, int) : 0;
    va_end(list);
    const char *mine = getenv("FAKE_BMC_PATH");
    if (mine == NULL || strcmp(path, mine) != 0) { return real(path, flags, mode); }
    if (is("refused")) {
        errno = EACCES;
        return -1;
    }
    return bmc = real(path, flags, mode);
}

static int sent(const struct ipmi_req *request) {
    static const unsigned char expected[] = {0xdc, 1, 0, 0};
    const struct ipmi_system_interface_addr *address = (const void *)request->addr;
    if (request->addr_len < sizeof *address || address->addr_type != IPMI_SYSTEM_INTERFACE_ADDR_TYPE ||
        address->channel != IPMI_BMC_CHANNEL || request->msg.netfn != 0x2c || request->msg.cmd != 2 ||
        request->msg.data_len != sizeof expected || memcmp(request->msg.data, expected, sizeof expected) != 0) {
        errno = EINVAL;
        return -1;
    }
    last = *request;
    // First somebody else's message, then the answer.
    waiting = is("noise") ? 2 : 1;
    return 0;
}

static int received(struct ipmi_recv *message, int truncates) {
    unsigned char answer[64] = {0, 0xdc, 0x9c, 1, 100, 0, 0x20, 3, 0x90, 1, 0, 0, 0, 0, 0xd0, 7, 0, 0, 0x40};
    unsigned short size = is("long") ? sizeof answer : 19;
    if (waiting == 0) {
        errno = EAGAIN;
        return -1;
    }
    message->recv_type = waiting == 2 ? IPMI_ASYNC_EVENT_RECV_TYPE : IPMI_RESPONSE_RECV_TYPE;
    message->msgid = last.msgid;
    message->msg.netfn = 0x2d;
    message->msg.cmd = 2;
    waiting--;
    if (is("busy")) { answer[0] = 0xc0, size = 1; }
    if (is("inactive")) { answer[18] = 0; }
    if (is("zero")) { answer[2] = answer[3] = 0; }
    if (is("unknown")) { answer[2] = answer[3] = 0xff; }
    if (is("short")) { size = 7; }
    if (is("other_group")) { answer[1] = 0xdd; }
    int fits = size <= message->msg.data_len;
    if (!fits && !truncates) {
        errno = EMSGSIZE;
        return -1;
    }
    if (fits) { message->msg.data_len = size; }
    memcpy(message->msg.data, answer, message->msg.data_len);
    if (fits) { return 0; }
    errno = EMSGSIZE;
    return -1;
}

int ioctl(int file, unsigned long request, ...) {
    int (*real)(int, unsigned long, ...) = dlsym(RTLD_NEXT, "ioctl");
    va_list list;
    va_start(list, request);
    void *argument = va_arg(list, void *);
    va_end(list);
    if (file != bmc || bmc < 0) { return real(file, request, argument); }
    if (request == IPMICTL_SEND_COMMAND) { return sent(argument); }
    if (request == IPMICTL_RECEIVE_MSG) { return received(argument, 0); }
    if (request == IPMICTL_RECEIVE_MSG_TRUNC) { return received(argument, 1); }
    errno = ENOTTY;
    return -1;
}

int poll(struct pollfd *files, nfds_t count, int timeout) {
    int (*real)(struct pollfd *, nfds_t, int) = dlsym(RTLD_NEXT, "poll");
    if (count != 1 || files[0].fd != bmc || bmc < 0) { return real(files, count, timeout); }
    if (is("silent") || waiting == 0) {
        usleep((unsigned)timeout * 1000);
        return 0;
    }
    files[0].revents = POLLIN;
    return 1;
}
