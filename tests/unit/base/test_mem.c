/* SPDX-License-Identifier: MIT */
#include "base/mem.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#ifndef MEM_PLAIN_MALLOC
#include <jemalloc/jemalloc.h>
#endif

#include "base/rng.h"

#define SLOTS 512

static size_t random_size(struct rng *rng)
{
    switch (rng_below(rng, 4)) {
    case 0: return rng_below(rng, 64);
    case 1: return rng_below(rng, 1024);
    case 2: return rng_below(rng, 40000); /* to past the largest cached class */
    default: return rng_below(rng, 300000);
    }
}

/* The model: what each allocation must have added. */
static struct {
    void *ptr;
    size_t asked;
    size_t occupied;
} slots[SLOTS];

static void fill_slot(size_t i, struct rng *rng)
{
    size_t bytes = random_size(rng);
    size_t before = mem_used();
    slots[i].ptr = rng_below(rng, 2) ? mem_alloc(bytes) : mem_calloc(bytes);
    slots[i].asked = bytes;
    slots[i].occupied = mem_usable_size(slots[i].ptr);
    assert_int_equal(mem_used() - before, slots[i].occupied);
    assert_true(slots[i].occupied >= bytes);
    memset(slots[i].ptr, 0x5a, bytes);
}

static void empty_slot(size_t i, struct rng *rng)
{
    size_t before = mem_used();
    if (rng_below(rng, 2))
        mem_free(slots[i].ptr);
    else
        mem_free_sized(slots[i].ptr, slots[i].asked);
    assert_int_equal(before - mem_used(), slots[i].occupied);
    slots[i].ptr = NULL;
}

static void resize_slot(size_t i, struct rng *rng)
{
    size_t bytes = random_size(rng);
    size_t before = mem_used();
    slots[i].ptr = mem_realloc(slots[i].ptr, bytes);
    size_t occupied = mem_usable_size(slots[i].ptr);
    assert_int_equal(mem_used(), before - slots[i].occupied + occupied);
    slots[i].asked = bytes;
    slots[i].occupied = occupied;
}

static void used_is_exact_after_every_operation(void **state)
{
    (void)state;
    struct rng rng;
    rng_seed(&rng, 1);
    size_t at_start = mem_used();
    for (int round = 0; round < 50000; round++) {
        size_t i = rng_below(&rng, SLOTS);
        if (slots[i].ptr == NULL)
            fill_slot(i, &rng);
        else if (rng_below(&rng, 3) == 0)
            resize_slot(i, &rng);
        else
            empty_slot(i, &rng);
    }
    for (size_t i = 0; i < SLOTS; i++) {
        if (slots[i].ptr != NULL) empty_slot(i, &rng);
    }
    assert_int_equal(mem_used(), at_start);
}

static void good_size_is_what_is_occupied(void **state)
{
    (void)state;
    for (size_t bytes = 0; bytes < 70000; bytes += bytes < 5000 ? 1 : 97) {
        size_t good = mem_good_size(bytes);
        size_t before = mem_used();
        void *ptr = mem_alloc(good);
        assert_int_equal(mem_usable_size(ptr), good);
        assert_int_equal(mem_used() - before, good);
        mem_free_sized(ptr, bytes); /* any size of the class will do */
        assert_int_equal(mem_used(), before);
    }
}

static void no_bytes_is_a_valid_allocation(void **state)
{
    (void)state;
    size_t before = mem_used();
    void *a = mem_alloc(0);
    void *b = mem_alloc(0);
    assert_ptr_not_equal(a, b);
    a = mem_realloc(a, 100);
    a = mem_realloc(a, 0);
    assert_non_null(a);
    mem_free(a);
    mem_free_sized(b, 0);
    mem_free(NULL);
    mem_free_sized(NULL, 10);
    assert_int_equal(mem_used(), before);
}

static void realloc_keeps_the_bytes(void **state)
{
    (void)state;
    char *p = mem_realloc(NULL, 10);
    for (int i = 0; i < 10; i++) p[i] = (char)('0' + i);
    p = mem_realloc(p, 500000);
    assert_memory_equal(p, "0123456789", 10);
    p = mem_realloc(p, 5);
    assert_memory_equal(p, "01234", 5);
    mem_free(p);
}

static void strings_are_copied(void **state)
{
    (void)state;
    char *a = mem_strdup("keep");
    char *b = mem_strndup("keepsake", 4);
    char *c = mem_strndup(NULL, 0);
    assert_string_equal(a, b);
    assert_string_equal(c, "");
    mem_free(a);
    mem_free(b);
    mem_free(c);
}

static void impossible_sizes_are_refused_by_the_try_forms(void **state)
{
    (void)state;
    size_t before = mem_used();
    volatile size_t huge = (size_t)1 << 60; /* a constant would be refused by the compiler */
    assert_null(mem_try_alloc(huge));
    char *p = mem_strdup("ok");
    assert_null(mem_try_realloc(p, huge));
    assert_string_equal(p, "ok");
    mem_free(p);
    assert_null(mem_try_map(huge));
    assert_null(mem_try_map(SIZE_MAX & ~(size_t)4095));
    assert_int_equal(mem_used(), before);
}

static void a_mapping_is_zeroed_aligned_and_counted(void **state)
{
    (void)state;
    size_t before = mem_used();
    size_t sizes[] = {4096, 1 << 20, 2 << 20, (2 << 20) + 4096, 64 << 20};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        char *p = mem_map(sizes[i]);
        assert_int_equal(mem_used() - before, sizes[i]);
        if (sizes[i] >= 2 << 20) assert_int_equal((uintptr_t)p % (2 << 20), 0);
        assert_int_equal(p[0], 0);
        assert_int_equal(p[sizes[i] - 1], 0);
        p[sizes[i] - 1] = 1;
        mem_unmap(p, sizes[i]);
        assert_int_equal(mem_used(), before);
    }
}

#define THREADS 4
#define BLOCKS 1000

static void *thread_allocates(void *blocks)
{
    mem_register_thread();
    for (int i = 0; i < BLOCKS; i++) ((void **)blocks)[i] = mem_alloc((size_t)i);
    return NULL;
}

static void *thread_frees(void *blocks)
{
    mem_register_thread();
    for (int i = 0; i < BLOCKS; i++) mem_free(((void **)blocks)[i]);
    return NULL;
}

static void run_threads(void *(*fn)(void *), void *blocks[THREADS][BLOCKS])
{
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++) assert_int_equal(pthread_create(&threads[i], NULL, fn, blocks[i]), 0);
    for (int i = 0; i < THREADS; i++) assert_int_equal(pthread_join(threads[i], NULL), 0);
}

/* The C library keeps something of each thread it makes; the second round has it already. */
static void blocks_of_ended_threads_are_counted(void **state)
{
    (void)state;
    static void *blocks[THREADS][BLOCKS];
    size_t before = 0;
    for (int round = 0; round < 30; round++) { /* more threads in all than there is room for at a time */
        if (round == 1) before = mem_used();
        run_threads(thread_allocates, blocks);
        size_t held = 0;
        for (int t = 0; t < THREADS; t++) {
            for (int i = 0; i < BLOCKS; i++) held += mem_usable_size(blocks[t][i]);
        }
        if (round >= 1) assert_int_equal(mem_used() - before, held);
        run_threads(thread_frees, blocks);
        if (round >= 1) assert_int_equal(mem_used(), before);
    }
}

struct pauses {
    pthread_barrier_t barrier;
    void *block;
};

static void *thread_holds_a_block(void *arg)
{
    struct pauses *p = arg;
    mem_register_thread();
    p->block = mem_alloc(100000);
    pthread_barrier_wait(&p->barrier);
    pthread_barrier_wait(&p->barrier);
    mem_free(p->block);
    return NULL;
}

/* Exit status of the child: what it found wrong. */
static int child_counts(size_t used_at_fork)
{
    if (mem_used() != used_at_fork) return 1;
    void *block = mem_alloc(1000);
    if (mem_used() != used_at_fork + mem_usable_size(block)) return 2;
    mem_free(block);
    if (mem_used() != used_at_fork) return 3;
    static void *blocks[THREADS][BLOCKS];
    run_threads(thread_allocates, blocks); /* they may stand where the parent's thread stood */
    run_threads(thread_frees, blocks);
    size_t after_warm_up = mem_used();
    run_threads(thread_allocates, blocks);
    run_threads(thread_frees, blocks);
    return mem_used() == after_warm_up ? 0 : 4;
}

static void a_forked_child_counts_what_it_inherited(void **state)
{
    (void)state;
    struct pauses p;
    pthread_t thread;
    pthread_barrier_init(&p.barrier, NULL, 2);
    assert_int_equal(pthread_create(&thread, NULL, thread_holds_a_block, &p), 0);
    pthread_barrier_wait(&p.barrier);
    size_t used = mem_used();
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) _exit(child_counts(used));
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    pthread_barrier_wait(&p.barrier);
    pthread_join(thread, NULL);
    pthread_barrier_destroy(&p.barrier);
}

static void the_allocator_reports_itself(void **state)
{
    (void)state;
    void *block = mem_alloc(8 << 20);
    memset(block, 1, 8 << 20);
    struct mem_stats stats;
    mem_stats_read(&stats);
    assert_true(stats.allocated >= 8 << 20);
    assert_true(stats.active >= stats.allocated);
    assert_true(stats.resident >= stats.active);
    assert_non_null(stats.allocator);
#ifndef MEM_PLAIN_MALLOC
    assert_int_equal(strncmp(stats.allocator, "jemalloc-5.", 11), 0);
#endif
    mem_free(block);
    mem_purge();
    struct mem_stats after;
    mem_stats_read(&after);
    assert_true(after.resident < stats.resident);
}

#ifndef MEM_PLAIN_MALLOC
/* The program's own options reach the allocator, unless the user's environment says otherwise. */
static void the_allocator_takes_our_options(void **state)
{
    (void)state;
    if (getenv("MALLOC_CONF") != NULL) skip();
    const char *thp = NULL;
    unsigned arenas = 0;
    size_t size = sizeof(thp), slab = 0;
    assert_int_equal(mallctl("opt.thp", &thp, &size, NULL, 0), 0);
    assert_string_equal(thp, "always");
    size = sizeof(arenas);
    assert_int_equal(mallctl("opt.narenas", &arenas, &size, NULL, 0), 0);
    assert_int_equal(arenas, 1);
    size = sizeof(slab);
    assert_int_equal(mallctl("arenas.bin.0.slab_size", &slab, &size, NULL, 0), 0);
    assert_int_equal(slab, 4096);
    assert_int_equal(mallctl("arenas.bin.2.slab_size", &slab, &size, NULL, 0), 0); /* of 32 bytes */
    assert_int_equal(slab, 16384);
}
#endif

int main(void)
{
    mem_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(used_is_exact_after_every_operation),
        cmocka_unit_test(good_size_is_what_is_occupied),
        cmocka_unit_test(no_bytes_is_a_valid_allocation),
        cmocka_unit_test(realloc_keeps_the_bytes),
        cmocka_unit_test(strings_are_copied),
        cmocka_unit_test(impossible_sizes_are_refused_by_the_try_forms),
        cmocka_unit_test(a_mapping_is_zeroed_aligned_and_counted),
        cmocka_unit_test(blocks_of_ended_threads_are_counted),
        cmocka_unit_test(a_forked_child_counts_what_it_inherited),
        cmocka_unit_test(the_allocator_reports_itself),
#ifndef MEM_PLAIN_MALLOC
        cmocka_unit_test(the_allocator_takes_our_options),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
