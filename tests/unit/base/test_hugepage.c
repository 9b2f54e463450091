/* SPDX-License-Identifier: MIT */
#include "base/hugepage.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"

#define CHUNK ((size_t)2 << 20)
#define CHUNKS 8
#define STEPS_MAX 100000

/* Huge pages depend on the machine: without them these tests have nothing to look at. */
static void need_huge_pages(void)
{
    enum hugepage_mode mode = hugepage_system_mode();
    if (!hugepage_can_collapse() || (mode != HUGEPAGE_ALWAYS && mode != HUGEPAGE_MADVISE)) skip();
}

/* Split into small pages, all still present. */
static void split(char *map, size_t chunk)
{
    mprotect(map + chunk * CHUNK, 4096, PROT_READ);
    mprotect(map + chunk * CHUNK, 4096, PROT_READ | PROT_WRITE);
}

static unsigned run_to_end(struct hugepage_repair *r, int64_t budget_us)
{
    unsigned steps = 1;
    while (hugepage_repair_step(r, budget_us)) {
        steps++;
        assert_true(steps < STEPS_MAX);
    }
    return steps;
}

static char *map_filled(size_t chunks)
{
    char *map = mem_map(chunks * CHUNK);
    memset(map, 7, chunks * CHUNK);
    return map;
}

static void the_mode_is_what_the_system_says(void **state)
{
    (void)state;
    char text[64] = "";
    int fd = open("/sys/kernel/mm/transparent_hugepage/enabled", O_RDONLY);
    if (fd >= 0) {
        assert_true(read(fd, text, sizeof(text) - 1) > 0);
        close(fd);
    }
    enum hugepage_mode mode = hugepage_system_mode();
    assert_int_equal(mode == HUGEPAGE_ALWAYS, strstr(text, "[always]") != NULL);
    assert_int_equal(mode == HUGEPAGE_MADVISE, strstr(text, "[madvise]") != NULL);
    assert_int_equal(mode == HUGEPAGE_NEVER, strstr(text, "[never]") != NULL);
    assert_int_equal(hugepage_can_collapse(), hugepage_can_collapse());
}

static void split_chunks_are_made_whole(void **state)
{
    (void)state;
    need_huge_pages();
    char *map = map_filled(CHUNKS);
    size_t whole = hugepage_resident_bytes();
    if (whole < CHUNKS * CHUNK) skip(); /* memory too fragmented to begin with */
    for (size_t i = 0; i < CHUNKS; i++) split(map, i);
    assert_true(hugepage_resident_bytes() + CHUNKS * CHUNK <= whole);
    struct hugepage_repair *r = hugepage_repair_start();
    unsigned steps = run_to_end(r, 0);
    assert_true(steps >= CHUNKS); /* a step without a budget does one chunk */
    assert_true(hugepage_repair_collapsed(r) >= CHUNKS);
    assert_false(hugepage_repair_step(r, 1000)); /* complete stays complete */
    hugepage_repair_free(r);
    assert_true(hugepage_resident_bytes() >= whole);
    for (size_t i = 0; i < CHUNKS * CHUNK; i += 4096) assert_int_equal(map[i], 7);
    mem_unmap(map, CHUNKS * CHUNK);
}

static void a_sparse_chunk_is_left_alone(void **state)
{
    (void)state;
    need_huge_pages();
    char *map = map_filled(2);
    split(map, 0);
    assert_int_equal(madvise(map, CHUNK / 2, MADV_DONTNEED), 0);
    struct hugepage_repair *r = hugepage_repair_start();
    run_to_end(r, 1000000);
    hugepage_repair_free(r);
    unsigned char present[CHUNK / 4096];
    assert_int_equal(mincore(map, CHUNK, present), 0);
    for (size_t i = 0; i < CHUNK / 2 / 4096; i++) assert_false(present[i] & 1);
    mem_unmap(map, 2 * CHUNK);
}

static void a_mapping_that_vanished_is_passed_over(void **state)
{
    (void)state;
    need_huge_pages();
    char *gone = map_filled(CHUNKS), *stays = map_filled(1);
    for (size_t i = 0; i < CHUNKS; i++) split(gone, i);
    split(stays, 0);
    struct hugepage_repair *r = hugepage_repair_start();
    mem_unmap(gone, CHUNKS * CHUNK);
    run_to_end(r, 0);
    hugepage_repair_free(r);
    assert_int_equal(stays[CHUNK - 1], 7);
    mem_unmap(stays, CHUNK);
}

static void a_forked_child_does_not_walk(void **state)
{
    (void)state;
    struct hugepage_repair *r = hugepage_repair_start();
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) _exit(hugepage_repair_step(r, 1000000) || hugepage_repair_collapsed(r) > 0);
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    hugepage_repair_free(r);
    hugepage_repair_free(NULL);
}

int main(void)
{
    mem_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_mode_is_what_the_system_says), cmocka_unit_test(split_chunks_are_made_whole),
        cmocka_unit_test(a_sparse_chunk_is_left_alone),     cmocka_unit_test(a_mapping_that_vanished_is_passed_over),
        cmocka_unit_test(a_forked_child_does_not_walk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
