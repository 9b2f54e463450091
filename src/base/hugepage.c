/* SPDX-License-Identifier: MIT */
/*
 * The repair walks a list of ranges taken from /proc/self/maps at its start. For each 2 MiB chunk:
 *
 *   is it split?         PAGEMAP_SCAN (Linux 6.7) finds the next present 4 KiB page that is not part of a
 *                        huge one, so that whole ranges are passed over by one call
 *   is it resident?      at least RESIDENT_MIN of its 512 pages: filling the holes of an emptier one
 *                        would cost more memory than the page table saves
 *   then                 madvise(MADV_COLLAPSE)
 *
 * Older kernels (6.1 to 6.6) are asked with mincore for the second and not at all for the first: collapsing
 * what is whole already succeeds at once, and is counted.
 *
 * The process maps and unmaps memory between steps. That is harmless: a range that is gone, or means
 * something else now, is refused by the kernel or is as good to collapse as any.
 */
#include "base/hugepage.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"

#define CHUNK_BYTES ((uintptr_t)2 << 20)
#define PAGE_BYTES ((uintptr_t)4096)
#define PAGES_PER_CHUNK (CHUNK_BYTES / PAGE_BYTES)
#define RESIDENT_MIN (PAGES_PER_CHUNK * 7 / 8)
/* One call of PAGEMAP_SCAN looks at no more than this, to stay within a step's budget. */
#define SCAN_WINDOW_BYTES ((uintptr_t)1 << 30)
/* The system has no huge pages to give: the walk ends. */
#define FAILURES_MAX 16
/* Of the thread, after each chunk: a GiB is mended in some two and a half seconds. */
#define REST_NS 4000000
#define THREAD_NICE 10

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif

/* --- the kernel's PAGEMAP_SCAN, which older system headers lack --- */

struct scan_region {
    uint64_t start, end, categories;
};

struct scan_arg {
    uint64_t size, flags, start, end, walk_end, vec, vec_len, max_pages;
    uint64_t category_inverted, category_mask, category_anyof_mask, return_mask;
};
_Static_assert(sizeof(struct scan_arg) == 96, "as the kernel defines it");

#define SCAN_IOCTL _IOWR('f', 16, struct scan_arg)
#define SCAN_PRESENT ((uint64_t)1 << 3)
#define SCAN_ZERO_PAGE ((uint64_t)1 << 5)
#define SCAN_HUGE ((uint64_t)1 << 6)

/* --- the system --- */

/* The start of a small file, terminated. False when it cannot be read. */
static bool read_text(const char *path, char *text, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return false;
    size_t len = 0;
    ssize_t n;
    while (len < size - 1 && (n = read(fd, text + len, size - 1 - len)) > 0) len += (size_t)n;
    close(fd);
    text[len] = '\0';
    return len > 0;
}

enum hugepage_mode hugepage_system_mode(void)
{
    char text[128];
    if (!read_text("/sys/kernel/mm/transparent_hugepage/enabled", text, sizeof(text))) return HUGEPAGE_UNKNOWN;
    if (strstr(text, "[always]") != NULL) return HUGEPAGE_ALWAYS;
    if (strstr(text, "[madvise]") != NULL) return HUGEPAGE_MADVISE;
    if (strstr(text, "[never]") != NULL) return HUGEPAGE_NEVER;
    return HUGEPAGE_UNKNOWN;
}

size_t hugepage_resident_bytes(void)
{
    char text[4096];
    if (!read_text("/proc/self/smaps_rollup", text, sizeof(text))) return 0;
    const char *field = strstr(text, "AnonHugePages:");
    return field == NULL ? 0 : (size_t)strtoull(field + strlen("AnonHugePages:"), NULL, 10) * 1024;
}

static bool try_collapse(void)
{
    char *map = mmap(NULL, 2 * CHUNK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (map == MAP_FAILED) return false;
    char *chunk = map + (-(uintptr_t)map & (CHUNK_BYTES - 1));
    *(volatile char *)chunk = 1;
    /* A kernel that knows the call but has no huge page just now says something else than EINVAL. */
    bool ok = madvise(chunk, CHUNK_BYTES, MADV_COLLAPSE) == 0 || errno != EINVAL;
    munmap(map, 2 * CHUNK_BYTES);
    return ok;
}

bool hugepage_can_collapse(void)
{
    static enum { UNTRIED, CAN, CANNOT } answer = UNTRIED;
    if (answer == UNTRIED) answer = try_collapse() ? CAN : CANNOT;
    return answer == CAN;
}

/* --- the ranges to walk --- */

struct range {
    uintptr_t start, end; /* whole chunks */
};

struct hugepage_repair {
    struct range *ranges;
    size_t count, cap;
    size_t current;    /* the range being walked */
    uintptr_t at;      /* the next chunk in it */
    pid_t pid;         /* a forked child must not walk: the descriptor shows its parent */
    int pagemap_fd;    /* -1 when PAGEMAP_SCAN is not to be had */
    unsigned failures; /* without a success in between */
    size_t collapsed;
    pthread_t thread;
    bool has_thread;
    atomic_bool must_stop, is_done;
};

static void add_range(struct hugepage_repair *r, uintptr_t start, uintptr_t end)
{
    start = (start + CHUNK_BYTES - 1) & ~(CHUNK_BYTES - 1);
    end &= ~(CHUNK_BYTES - 1);
    if (start >= end) return;
    if (r->count == r->cap) {
        r->cap = r->cap == 0 ? 16 : r->cap * 2;
        r->ranges = mem_realloc(r->ranges, r->cap * sizeof(*r->ranges));
    }
    r->ranges[r->count++] = (struct range){start, end};
}

static bool is_anonymous(const char *name)
{
    return *name == '\0' || *name == '\n' || strncmp(name, "[heap]", 6) == 0 || strncmp(name, "[anon", 5) == 0;
}

static char *skip_field(char *p)
{
    p += strcspn(p, " ");
    return p + strspn(p, " ");
}

/* "7f0000000000-7f0000200000 rw-p 00000000 00:00 0      [name]" */
static void add_line(struct hugepage_repair *r, char *line)
{
    char *p;
    uintptr_t start = strtoul(line, &p, 16);
    if (*p != '-') return;
    uintptr_t end = strtoul(p + 1, &p, 16);
    if (strncmp(p, " rw-p ", 6) != 0) return;
    p = skip_field(skip_field(p + 6));   /* offset, device */
    if (strtoul(p, &p, 10) != 0) return; /* a file's inode */
    p += strspn(p, " ");
    if (is_anonymous(p)) add_range(r, start, end);
}

static void read_ranges(struct hugepage_repair *r)
{
    FILE *maps = fopen("/proc/self/maps", "re");
    if (maps == NULL) return;
    char *line = NULL;
    size_t size = 0;
    while (getline(&line, &size, maps) > 0) add_line(r, line);
    free(line);
    fclose(maps);
}

/* --- looking at pages --- */

/* Present 4 KiB pages outside huge ones in [start, end): up to `count` regions, found until `max_pages` (0: no
 * bound). Returns how many, -1 when the kernel cannot tell. */
static int scan(int fd, uintptr_t start, uintptr_t end, struct scan_region *regions, size_t count, size_t max_pages)
{
    struct scan_arg arg = {
        .size = sizeof(arg),
        .start = start,
        .end = end,
        .vec = (uint64_t)(uintptr_t)regions,
        .vec_len = count,
        .max_pages = max_pages,
        .category_mask = SCAN_PRESENT | SCAN_HUGE | SCAN_ZERO_PAGE,
        .category_inverted = SCAN_HUGE | SCAN_ZERO_PAGE,
        .return_mask = SCAN_PRESENT,
    };
    return ioctl(fd, SCAN_IOCTL, &arg);
}

static int open_pagemap(void)
{
    int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
    struct scan_region region;
    uintptr_t here = (uintptr_t)&region & ~(PAGE_BYTES - 1);
    if (fd >= 0 && scan(fd, here, here + PAGE_BYTES, &region, 1, 1) < 0) {
        close(fd);
        return -1;
    }
    return fd;
}

static void *address(uintptr_t chunk)
{
    return (void *)chunk; /* NOLINT(performance-no-int-to-ptr): from the kernel's list, never followed */
}

static size_t resident_small_pages(const struct hugepage_repair *r, uintptr_t chunk)
{
    size_t pages = 0;
    if (r->pagemap_fd >= 0) {
        struct scan_region regions[PAGES_PER_CHUNK / 2]; /* more would not be dense */
        int count = scan(r->pagemap_fd, chunk, chunk + CHUNK_BYTES, regions, PAGES_PER_CHUNK / 2, 0);
        for (int i = 0; i < count; i++) pages += (regions[i].end - regions[i].start) / PAGE_BYTES;
        return pages;
    }
    unsigned char present[PAGES_PER_CHUNK];
    if (mincore(address(chunk), CHUNK_BYTES, present) != 0) return 0; /* a part of it is not mapped */
    for (size_t i = 0; i < PAGES_PER_CHUNK; i++) pages += present[i] & 1;
    return pages;
}

/* Moves `at` towards the next split chunk, at most a window on. True when it stands on one. */
static bool find_split(struct hugepage_repair *r, uintptr_t end)
{
    if (r->pagemap_fd < 0) return true;
    uintptr_t window_end = end - r->at > SCAN_WINDOW_BYTES ? r->at + SCAN_WINDOW_BYTES : end;
    struct scan_region found;
    if (scan(r->pagemap_fd, r->at, window_end, &found, 1, 1) <= 0) {
        r->at = window_end;
        return false;
    }
    r->at = (uintptr_t)found.start & ~(CHUNK_BYTES - 1);
    return true;
}

/* --- the walk --- */

struct hugepage_repair *hugepage_repair_start(void)
{
    struct hugepage_repair *r = mem_calloc(sizeof(*r));
    r->pid = getpid();
    r->pagemap_fd = open_pagemap();
    read_ranges(r);
    if (r->count > 0) r->at = r->ranges[0].start;
    return r;
}

static void collapse(struct hugepage_repair *r, uintptr_t chunk)
{
    if (madvise(address(chunk), CHUNK_BYTES, MADV_COLLAPSE) == 0) {
        r->collapsed++;
        r->failures = 0;
    } else {
        r->failures++;
    }
}

static bool is_complete(const struct hugepage_repair *r)
{
    return r->current >= r->count || r->failures >= FAILURES_MAX;
}

/* One chunk, or one window without any split chunk. */
static void advance(struct hugepage_repair *r)
{
    uintptr_t end = r->ranges[r->current].end;
    if (find_split(r, end)) {
        if (resident_small_pages(r, r->at) >= RESIDENT_MIN) collapse(r, r->at);
        r->at += CHUNK_BYTES;
    }
    if (r->at >= end && ++r->current < r->count) r->at = r->ranges[r->current].start;
}

bool hugepage_repair_step(struct hugepage_repair *r, int64_t budget_us)
{
    if (r->pid != getpid()) return false;
    int64_t end_us = clock_mono_us() + budget_us;
    while (!is_complete(r)) {
        advance(r);
        if (clock_mono_us() >= end_us) break;
    }
    return !is_complete(r);
}

size_t hugepage_repair_collapsed(const struct hugepage_repair *r) { return r->collapsed; }

/* One chunk at a time with a rest in between, so that neither the processor nor the map's lock is held for long. */
static void *run_thread(void *arg)
{
    struct hugepage_repair *r = arg;
    const struct timespec rest = {.tv_nsec = REST_NS};
    if (setpriority(PRIO_PROCESS, (id_t)gettid(), THREAD_NICE) != 0) errno = 0; /* only a courtesy */
    while (!atomic_load(&r->must_stop) && hugepage_repair_step(r, 0)) nanosleep(&rest, NULL);
    atomic_store(&r->is_done, true);
    return NULL;
}

bool hugepage_repair_run(struct hugepage_repair *r)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before); /* signals are the loop's */
    r->has_thread = pthread_create(&r->thread, NULL, run_thread, r) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return r->has_thread;
}

bool hugepage_repair_is_done(const struct hugepage_repair *r) { return atomic_load(&r->is_done); }

void hugepage_repair_free(struct hugepage_repair *r)
{
    if (r == NULL) return;
    if (r->has_thread && r->pid == getpid()) {
        atomic_store(&r->must_stop, true);
        pthread_join(r->thread, NULL);
    }
    if (r->pagemap_fd >= 0) close(r->pagemap_fd);
    mem_free(r->ranges);
    mem_free(r);
}
