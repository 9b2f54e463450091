/* SPDX-License-Identifier: MIT */
/*
 * How used_memory is counted. jemalloc adds the size class of every allocation to a counter of the
 * calling thread, and of every deallocation to a second one, on its fast paths too. The registry below
 * knows where these counters live:
 *
 *   used = folded + mapped + sum over registered threads of (allocated - deallocated)
 *
 * A block may be freed by another thread than made it, so one thread's difference may be negative;
 * only the sum has a meaning. Sums are modulo 2^64, which makes that harmless.
 *
 * Invariants:
 *   1. A slot is read only between its publication and its clearing; both happen with `registry.lock`
 *      held and `registry.version` odd, and readers retry on an odd or changed version.
 *   2. No thread holds the lock across fork(): the fork handlers take it before and release it after.
 *   3. In a forked child only the forking thread's slot stays; the others are folded at once, because
 *      the C library gives the memory of their counters to new threads.
 */
#include "base/mem.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#ifdef MEM_PLAIN_MALLOC
#include <malloc.h>
#else
#include <jemalloc/jemalloc.h>
#endif

#include "base/assert.h"

#define HUGE_PAGE_BYTES ((size_t)2 << 20)
#define THREADS_MAX 64

static _Atomic size_t mapped_bytes;

/* --- no memory --- */

static _Noreturn void out_of_memory(size_t bytes)
{
    /* Nothing here may allocate. */
    char text[128];
    int n = snprintf(text, sizeof(text), "Out of memory allocating %zu bytes\n", bytes);
    if (write(STDERR_FILENO, text, (size_t)n) < 0) {
        /* There is nobody left to tell. */
    }
    abort();
}

/* --- counters --- */

#ifdef MEM_PLAIN_MALLOC

/* AddressSanitizer takes a larger request for a bug and aborts. */
#define PLAIN_BYTES_MAX ((size_t)1 << 38)

/* The count lives here when the allocator does not keep one. */
static _Atomic size_t plain_used;

static void *counted(void *ptr)
{
    if (ptr != NULL) atomic_fetch_add_explicit(&plain_used, malloc_usable_size(ptr), memory_order_relaxed);
    return ptr;
}

static void uncounted(size_t usable) { atomic_fetch_sub_explicit(&plain_used, usable, memory_order_relaxed); }

void mem_init(void) {}

void mem_register_thread(void) {}

size_t mem_used(void)
{
    return atomic_load_explicit(&plain_used, memory_order_relaxed) +
           atomic_load_explicit(&mapped_bytes, memory_order_relaxed);
}

#else

/* jemalloc reads this name at its own start, before main.
 *   thp, metadata_thp   huge pages for everything: a short fork (see hugepage.h)
 *   narenas:1           one heap: one thread does nearly all the work, and a second arena would only
 *                       spread the same objects over more half-filled pages
 *   slab_sizes          slabs of at least 16 KiB: jemalloc spends 128 bytes of bookkeeping on a slab, which
 *                       is 3% of one of 4 KiB. Measured with 1 M objects: 64-byte ones cost 64.0 bytes instead
 *                       of 66.1, 512-byte ones 517 instead of 527. Larger slabs still save little, and give
 *                       less back when most objects are freed in random order. */
const char *malloc_conf = "thp:always,metadata_thp:always,narenas:1,"
                          "slab_sizes:16-16:2|32-32:4|64-64:4|128-128:4|256-256:4|512-512:4|1024-1024:4|2048-2048:4"
                          "|4096-4096:4|8192-8192:4";

struct counters {
    const uint64_t *allocated;
    const uint64_t *deallocated;
    bool is_used;
};

static struct {
    pthread_mutex_t lock;
    _Atomic unsigned version; /* odd while slots or `folded` change */
    unsigned count;           /* slots below this were used at some time */
    uint64_t folded;          /* what ended threads left: allocated - deallocated */
    struct counters slots[THREADS_MAX];
} registry = {.lock = PTHREAD_MUTEX_INITIALIZER};

static __thread struct counters *own_slot;
static pthread_key_t end_key;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static uint64_t counters_read(const struct counters *c)
{
    /* Other threads count on meanwhile; a word is read whole. */
    uint64_t freed = __atomic_load_n(c->deallocated, __ATOMIC_RELAXED);
    return __atomic_load_n(c->allocated, __ATOMIC_RELAXED) - freed;
}

static void registry_change_begin(void)
{
    atomic_fetch_add_explicit(&registry.version, 1, memory_order_relaxed);
    atomic_thread_fence(memory_order_release);
}

static void registry_change_end(void) { atomic_fetch_add_explicit(&registry.version, 1, memory_order_release); }

static void slot_fold(struct counters *slot)
{
    registry_change_begin();
    registry.folded += counters_read(slot);
    __atomic_store_n(&slot->is_used, false, __ATOMIC_RELAXED);
    registry_change_end();
}

static void thread_ended(void *slot)
{
    pthread_mutex_lock(&registry.lock);
    slot_fold(slot);
    own_slot = NULL;
    pthread_mutex_unlock(&registry.lock);
}

static void before_fork(void) { pthread_mutex_lock(&registry.lock); }

static void after_fork_in_parent(void) { pthread_mutex_unlock(&registry.lock); }

static void after_fork_in_child(void)
{
    for (unsigned i = 0; i < registry.count; i++) {
        struct counters *slot = &registry.slots[i];
        if (slot->is_used && slot != own_slot) slot_fold(slot);
    }
    pthread_mutex_unlock(&registry.lock);
}

static void init_once(void)
{
    if (pthread_key_create(&end_key, thread_ended) != 0) abort();
    if (pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child) != 0) abort();
}

static const uint64_t *counter_of_thread(const char *name)
{
    uint64_t *counter = NULL;
    size_t size = sizeof(counter);
    if (mallctl(name, (void *)&counter, &size, NULL, 0) != 0) abort();
    return counter;
}

static struct counters *slot_take(void)
{
    for (unsigned i = 0; i < THREADS_MAX; i++) {
        if (registry.slots[i].is_used) continue;
        if (i >= registry.count) __atomic_store_n(&registry.count, i + 1, __ATOMIC_RELAXED);
        return &registry.slots[i];
    }
    UNREACHABLE(); /* more than THREADS_MAX threads at a time */
}

void mem_register_thread(void)
{
    if (own_slot != NULL) return;
    pthread_once(&once, init_once);
    const uint64_t *allocated = counter_of_thread("thread.allocatedp");
    const uint64_t *deallocated = counter_of_thread("thread.deallocatedp");
    pthread_mutex_lock(&registry.lock);
    registry_change_begin();
    own_slot = slot_take();
    __atomic_store_n(&own_slot->allocated, allocated, __ATOMIC_RELAXED);
    __atomic_store_n(&own_slot->deallocated, deallocated, __ATOMIC_RELAXED);
    __atomic_store_n(&own_slot->is_used, true, __ATOMIC_RELAXED);
    registry_change_end();
    pthread_mutex_unlock(&registry.lock);
    if (pthread_setspecific(end_key, own_slot) != 0) abort();
}

void mem_init(void) { mem_register_thread(); }

static uint64_t registry_sum(void)
{
    uint64_t sum = __atomic_load_n(&registry.folded, __ATOMIC_RELAXED);
    unsigned count = __atomic_load_n(&registry.count, __ATOMIC_RELAXED);
    for (unsigned i = 0; i < count; i++) {
        const struct counters *slot = &registry.slots[i];
        if (__atomic_load_n(&slot->is_used, __ATOMIC_RELAXED)) sum += counters_read(slot);
    }
    return sum;
}

size_t mem_used(void)
{
    uint64_t sum = 0;
    unsigned before, after;
    do {
        before = atomic_load_explicit(&registry.version, memory_order_acquire);
        sum = registry_sum();
        atomic_thread_fence(memory_order_acquire);
        after = atomic_load_explicit(&registry.version, memory_order_relaxed);
    } while (before != after || before % 2 != 0);
    return (size_t)sum + atomic_load_explicit(&mapped_bytes, memory_order_relaxed);
}

#endif

/* --- allocation --- */

void *mem_try_alloc(size_t bytes)
{
#ifdef MEM_PLAIN_MALLOC
    return bytes > PLAIN_BYTES_MAX ? NULL : counted(malloc(bytes | !bytes));
#else
    /* malloc and not mallocx: only the former has jemalloc's short path. */
    return malloc(bytes);
#endif
}

void *mem_alloc(size_t bytes)
{
    void *ptr = mem_try_alloc(bytes);
    if (__builtin_expect(ptr == NULL, 0)) out_of_memory(bytes);
    return ptr;
}

void *mem_calloc(size_t bytes)
{
    void *ptr = calloc(1, bytes | !bytes);
    if (__builtin_expect(ptr == NULL, 0)) out_of_memory(bytes);
#ifdef MEM_PLAIN_MALLOC
    counted(ptr);
#endif
    return ptr;
}

void *mem_try_realloc(void *ptr, size_t bytes)
{
    /* A size of 0 would free. */
#ifdef MEM_PLAIN_MALLOC
    if (bytes > PLAIN_BYTES_MAX) return NULL;
    size_t usable = ptr == NULL ? 0 : malloc_usable_size(ptr);
    void *moved = counted(realloc(ptr, bytes | !bytes));
    if (moved != NULL) uncounted(usable);
    return moved;
#else
    return realloc(ptr, bytes | !bytes);
#endif
}

void *mem_realloc(void *ptr, size_t bytes)
{
    void *moved = mem_try_realloc(ptr, bytes);
    if (__builtin_expect(moved == NULL, 0)) out_of_memory(bytes);
    return moved;
}

char *mem_strndup(const char *s, size_t len)
{
    char *copy = mem_alloc(len + 1);
    if (len > 0) memcpy(copy, s, len);
    copy[len] = '\0';
    return copy;
}

char *mem_strdup(const char *s) { return mem_strndup(s, strlen(s)); }

void mem_free(void *ptr)
{
#ifdef MEM_PLAIN_MALLOC
    if (ptr != NULL) uncounted(malloc_usable_size(ptr));
#endif
    free(ptr);
}

void mem_free_sized(void *ptr, size_t bytes)
{
    if (__builtin_expect(ptr == NULL, 0)) return;
#ifdef MEM_PLAIN_MALLOC
    (void)bytes;
    mem_free(ptr);
#else
    sdallocx(ptr, bytes | !bytes, 0);
#endif
}

size_t mem_good_size(size_t bytes)
{
#ifdef MEM_PLAIN_MALLOC
    /* Every size is a class of its own, so that a sanitizer sees an overflow by one byte. */
    return bytes | !bytes;
#else
    size_t size = nallocx(bytes | !bytes, 0);
    return size != 0 ? size : bytes; /* 0: larger than any class; allocating it will fail */
#endif
}

size_t mem_usable_size(const void *ptr) { return malloc_usable_size((void *)ptr); }

/* --- mappings --- */

/* Maps one huge page more than needed and gives back what is outside the aligned part. */
static void *map_aligned(size_t bytes)
{
    size_t padded;
    if (__builtin_add_overflow(bytes, HUGE_PAGE_BYTES, &padded)) return NULL;
    char *start = mmap(NULL, padded, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (start == MAP_FAILED) return NULL;
    size_t head = -(uintptr_t)start & (HUGE_PAGE_BYTES - 1);
    size_t tail = HUGE_PAGE_BYTES - head;
    if (head > 0) munmap(start, head);
    munmap(start + head + bytes, tail);
    madvise(start + head, bytes, MADV_HUGEPAGE); /* a kernel without huge pages refuses: fine */
    return start + head;
}

static void *map_plain(size_t bytes)
{
    void *start = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return start == MAP_FAILED ? NULL : start;
}

void *mem_try_map(size_t bytes)
{
    ASSERT(bytes > 0 && bytes % 4096 == 0);
    void *ptr = bytes >= HUGE_PAGE_BYTES ? map_aligned(bytes) : map_plain(bytes);
    if (ptr != NULL) atomic_fetch_add_explicit(&mapped_bytes, bytes, memory_order_relaxed);
    return ptr;
}

void *mem_map(size_t bytes)
{
    void *ptr = mem_try_map(bytes);
    if (ptr == NULL) out_of_memory(bytes);
    return ptr;
}

void mem_unmap(void *ptr, size_t bytes)
{
    if (ptr == NULL) return;
    if (munmap(ptr, bytes) != 0) UNREACHABLE();
    atomic_fetch_sub_explicit(&mapped_bytes, bytes, memory_order_relaxed);
}

/* --- the allocator's own view --- */

#ifdef MEM_PLAIN_MALLOC

void mem_stats_read(struct mem_stats *out)
{
    size_t used = mem_used();
    *out = (struct mem_stats){.allocated = used, .active = used, .resident = used, .allocator = "libc"};
    out->mapped = atomic_load_explicit(&mapped_bytes, memory_order_relaxed);
}

void mem_purge(void) { malloc_trim(0); }

#else

/* "." JEMALLOC_ALL "." in a mallctl name stands for the sum over all arenas. */
#define STRING_OF_(x) #x
#define STRING_OF(x) STRING_OF_(x)
#define ALL_ARENAS STRING_OF(MALLCTL_ARENAS_ALL)

static size_t stat_of(const char *name)
{
    size_t value = 0;
    size_t size = sizeof(value);
    return mallctl(name, &value, &size, NULL, 0) == 0 ? value : 0;
}

void mem_stats_read(struct mem_stats *out)
{
    uint64_t epoch = 1;
    size_t size = sizeof(epoch);
    mallctl("epoch", &epoch, &size, &epoch, size); /* takes the figures anew */
    *out = (struct mem_stats){
        .allocated = stat_of("stats.allocated"),
        .active = stat_of("stats.active"),
        .resident = stat_of("stats.resident"),
        .retained = stat_of("stats.retained"),
        .metadata = stat_of("stats.metadata"),
        .muzzy = stat_of("stats.arenas." ALL_ARENAS ".pmuzzy") * (size_t)sysconf(_SC_PAGESIZE),
        .mapped = atomic_load_explicit(&mapped_bytes, memory_order_relaxed),
        .allocator = "jemalloc-" STRING_OF(JEMALLOC_VERSION_MAJOR) "." STRING_OF(JEMALLOC_VERSION_MINOR) "." STRING_OF(
            JEMALLOC_VERSION_BUGFIX),
    };
}

void mem_purge(void)
{
    mallctl("thread.tcache.flush", NULL, NULL, NULL, 0);
    mallctl("arena." ALL_ARENAS ".purge", NULL, NULL, NULL, 0);
}

#endif
