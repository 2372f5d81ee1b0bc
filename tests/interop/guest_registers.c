/*
 * Preloaded into User-mode Linux (guest.py), which keeps a task's extended registers in a buffer of fixed size.
 *
 * On processors whose registers need more (AVX-512, AMX) the host refuses to set them from so short a buffer, and the
 * guest ends at its first process. ptrace() is wrapped: what does not fit into the guest's buffer is kept here, in a
 * table by that buffer's address, and put behind it again when the registers are set.
 */
#define _GNU_SOURCE
#include <cpuid.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define NT_X86_XSTATE 0x202
#define SLOTS 8192
#define PROBES 64
#define LEGACY_AREA 512 /* of FXSAVE; the header of 64 octets follows it */
#define HEADER 64

static size_t whole;            /* octets of all registers on this processor */
static unsigned char *tails;    /* SLOTS areas of that size, and one for passing through */
static void *owners[SLOTS];     /* the buffer whose tail is in the slot */

static void prepare(void)
{
    unsigned a, b = 0, c, d;

    __cpuid_count(0xd, 0, a, b, c, d);
    whole = b;
    tails = mmap(NULL, (SLOTS + 1) * whole, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
}

static unsigned char *tail_of(void *buffer, int create)
{
    size_t start = ((uintptr_t)buffer >> 6) % SLOTS;

    for (size_t i = 0; i < PROBES; i++) {
        size_t slot = (start + i) % SLOTS;
        if (owners[slot] == NULL && create)
            owners[slot] = buffer;
        if (owners[slot] == buffer)
            return tails + slot * whole;
        if (owners[slot] == NULL)
            return NULL;
    }
    return NULL;
}

static long get_registers(long pid, void *address, struct iovec *wanted, unsigned char *passing)
{
    struct iovec all = {passing, whole};
    size_t room = wanted->iov_len;
    long result = syscall(SYS_ptrace, (long)PTRACE_GETREGSET, pid, address, &all);
    unsigned char *tail;

    if (result < 0)
        return result;
    if (room > all.iov_len)
        room = all.iov_len;
    memcpy(wanted->iov_base, passing, room);
    wanted->iov_len = room;
    tail = tail_of(wanted->iov_base, 1);
    if (tail != NULL)
        memcpy(tail + room, passing + room, whole - room);
    return result;
}

static long set_registers(long pid, void *address, struct iovec *given, unsigned char *passing)
{
    struct iovec all = {passing, whole};
    size_t room = given->iov_len;
    unsigned char *tail = tail_of(given->iov_base, 0);

    memcpy(passing, given->iov_base, room);
    if (tail != NULL)
        memcpy(passing + room, tail + room, whole - room);
    else
        memset(passing + room, 0, whole - room);
    if (room <= LEGACY_AREA + HEADER) { /* no header was given: only the legacy registers count */
        memset(passing + LEGACY_AREA, 0, HEADER);
        passing[LEGACY_AREA] = 3;
    }
    return syscall(SYS_ptrace, (long)PTRACE_SETREGSET, pid, address, &all);
}

long ptrace(enum __ptrace_request request, ...)
{
    va_list arguments;
    long pid, result;
    void *address, *data;
    unsigned long word;

    va_start(arguments, request);
    pid = va_arg(arguments, int);
    address = va_arg(arguments, void *);
    data = va_arg(arguments, void *);
    va_end(arguments);

    if (request == PTRACE_PEEKTEXT || request == PTRACE_PEEKDATA || request == PTRACE_PEEKUSER) {
        result = syscall(SYS_ptrace, (long)request, pid, address, &word);
        return result < 0 ? result : (long)word;
    }
    if ((request == PTRACE_GETREGSET || request == PTRACE_SETREGSET) && (uintptr_t)address == NT_X86_XSTATE) {
        struct iovec *registers = data;
        if (whole == 0)
            prepare();
        if (registers->iov_len < whole)
            return request == PTRACE_GETREGSET ? get_registers(pid, address, registers, tails + SLOTS * whole)
                                               : set_registers(pid, address, registers, tails + SLOTS * whole);
    }
    return syscall(SYS_ptrace, (long)request, pid, address, data);
}
