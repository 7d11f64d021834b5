// Commands to the BMC through the kernel's IPMI device (drivers/char/ipmi/ipmi_devintf.c).
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "nodewatt_meters.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#if __has_include(<linux/ipmi.h>)
#include <linux/ipmi.h>
#else
#define IPMI_SYSTEM_INTERFACE_ADDR_TYPE 0x0c
#define IPMI_BMC_CHANNEL 0xf
#define IPMI_RESPONSE_RECV_TYPE 1
struct ipmi_addr {
    int addr_type;
    short channel;
    char data[32];
};
struct ipmi_system_interface_addr {
    int addr_type;
    short channel;
    unsigned char lun;
};
struct ipmi_msg {
    unsigned char netfn, cmd;
    unsigned short data_len;
    unsigned char *data;
};
struct ipmi_req {
    unsigned char *addr;
    unsigned int addr_len;
    long msgid;
    struct ipmi_msg msg;
};
struct ipmi_recv {
    int recv_type;
    unsigned char *addr;
    unsigned int addr_len;
    long msgid;
    struct ipmi_msg msg;
};
#define IPMICTL_SEND_COMMAND _IOR('i', 13, struct ipmi_req)
#define IPMICTL_RECEIVE_MSG_TRUNC _IOWR('i', 11, struct ipmi_recv)
#endif

#if __SIZEOF_POINTER__ == 8
_Static_assert(sizeof(struct ipmi_req) == 40 && sizeof(struct ipmi_recv) == 48, "linux/ipmi.h");
#endif

int32_t nwm_ipmi_open(const char *path) {
    int file = open(path, O_RDWR | O_CLOEXEC | O_NOCTTY);
    return file < 0 ? -errno : file;
}

static int64_t now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int32_t send_command(int32_t file, uint8_t function, uint8_t command, const uint8_t *data, uint16_t size,
                            int64_t number) {
    struct ipmi_system_interface_addr bmc;
    memset(&bmc, 0, sizeof bmc);
    bmc.addr_type = IPMI_SYSTEM_INTERFACE_ADDR_TYPE;
    bmc.channel = IPMI_BMC_CHANNEL;
    struct ipmi_req request;
    memset(&request, 0, sizeof request);
    request.addr = (unsigned char *)&bmc;
    request.addr_len = sizeof bmc;
    request.msgid = (long)number;
    // The kernel only reads it.
    request.msg = (struct ipmi_msg){.netfn = function, .cmd = command, .data_len = size, .data = (unsigned char *)data};
    int status;
    do { status = ioctl(file, IPMICTL_SEND_COMMAND, &request); } while (status < 0 && errno == EINTR);
    return status < 0 ? -errno : 0;
}

/// Takes one message; 1 when it is the response that is waited for, 0 when it is another.
static int32_t receive(int32_t file, uint8_t function, uint8_t command, int64_t number, uint8_t *response,
                       uint16_t capacity, uint16_t *count) {
    struct ipmi_addr sender;
    memset(&sender, 0, sizeof sender);
    struct ipmi_recv message;
    memset(&message, 0, sizeof message);
    message.addr = (unsigned char *)&sender;
    message.addr_len = sizeof sender;
    message.msg.data = response;
    message.msg.data_len = capacity;
    // A response longer than there is room for is cut, and says so by EMSGSIZE.
    if (ioctl(file, IPMICTL_RECEIVE_MSG_TRUNC, &message) < 0 && errno != EMSGSIZE) {
        return errno == EAGAIN || errno == EINTR ? 0 : -errno;
    }
    // The response's function is the request's with its lowest bit set.
    if (message.recv_type != IPMI_RESPONSE_RECV_TYPE || message.msgid != (long)number ||
        message.msg.netfn != (function | 1) || message.msg.cmd != command) {
        return 0;
    }
    *count = message.msg.data_len < capacity ? message.msg.data_len : capacity;
    return 1;
}

int32_t nwm_ipmi_ask(int32_t file, uint8_t function, uint8_t command, const uint8_t *data, uint16_t size, int64_t number,
                     int32_t timeout_ms, uint8_t *response, uint16_t capacity, uint16_t *count) {
    *count = 0;
    int32_t status = send_command(file, function, command, data, size, number);
    if (status < 0) { return status; }
    int64_t deadline = now_ms() + timeout_ms;
    for (;;) {
        int64_t left = deadline - now_ms();
        if (left <= 0) { return -ETIMEDOUT; }
        struct pollfd waiting = {.fd = file, .events = POLLIN};
        int ready = poll(&waiting, 1, (int)left);
        if (ready < 0 && errno != EINTR) { return -errno; }
        if (ready <= 0) { continue; }
        if (waiting.revents & (POLLERR | POLLHUP | POLLNVAL)) { return -EIO; }
        status = receive(file, function, command, number, response, capacity, count);
        if (status != 0) { return status < 0 ? status : 0; }
    }
}
