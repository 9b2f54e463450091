/* SPDX-License-Identifier: MIT */
/*
 * Memory: the allocator of every module, over jemalloc (over plain malloc when
 * built with MEM_PLAIN_MALLOC, as sanitizer builds are).
 *
 * used_memory is exact and costs nothing on the hot path: jemalloc itself keeps
 * allocated and deallocated bytes per thread; this module adds up the counters
 * of every registered thread, and the mappings made by mem_map.
 *
 * No memory is one event, handled in one place: a message and abort. Only sizes
 * that a client or a file names go through the mem_try_ forms.
 */
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include <stddef.h>
#include <stdint.h>

/* Never NULL. A size of 0 gives a valid pointer. */
void *mem_alloc(size_t bytes) __attribute__((malloc, returns_nonnull, alloc_size(1)));
void *mem_calloc(size_t bytes) __attribute__((malloc, returns_nonnull, alloc_size(1)));
void *mem_realloc(void *ptr, size_t bytes) __attribute__((returns_nonnull));
char *mem_strdup(const char *s);
char *mem_strndup(const char *s, size_t len); /* adds a NUL */

/* NULL when the system refuses. */
void *mem_try_alloc(size_t bytes);
void *mem_try_realloc(void *ptr, size_t bytes); /* ptr stays valid on NULL */

void mem_free(void *ptr); /* NULL is fine */
/* `bytes` is the size asked for at allocation; cheaper than mem_free. */
void mem_free_sized(void *ptr, size_t bytes);

/* Bytes an allocation of `bytes` really occupies: its size class. With MEM_PLAIN_MALLOC every size is its
 * own class, so that a sanitizer sees an overflow by a single byte. */
size_t mem_good_size(size_t bytes);
size_t mem_usable_size(const void *ptr);

/* A zeroed mapping of its own, aligned to 2 MiB and advised to huge pages; for large tables.
 * `bytes` is a multiple of 4096. Never NULL. Counted in mem_used. */
void *mem_map(size_t bytes);
void *mem_try_map(size_t bytes); /* NULL when the system refuses */
void mem_unmap(void *ptr, size_t bytes);

/* Bytes in use by the program now, in size classes, over all threads. Exact. */
size_t mem_used(void);

/* A thread that allocates or frees calls this once, first (the main thread: mem_init). Its
 * counters are folded into the total when it ends. */
void mem_init(void);
void mem_register_thread(void);

struct mem_stats {
    size_t allocated; /* by the application, jemalloc's own count */
    size_t active;    /* pages that hold at least one allocation */
    size_t resident;  /* physically present, allocator's count */
    size_t retained;  /* given back but still mapped */
    size_t metadata;
    size_t muzzy;          /* dirty pages being purged lazily */
    size_t mapped;         /* by mem_map; in none of the above */
    const char *allocator; /* "jemalloc-5.3.0", as INFO's mem_allocator shows it */
};
void mem_stats_read(struct mem_stats *out);
/* Gives free pages back to the system (MEMORY PURGE). */
void mem_purge(void);

#endif
