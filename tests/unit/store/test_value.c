/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/worker.h"
#include "ds/listpack.h"
#include "store/set.h"
#include "store/value.h"

#define NOW 1000
#define LATER 5000000

static struct value_ref ref_in(struct keyspace *ks, const char *name)
{
    return (struct value_ref){keyspace_db(ks, 0), key_of(slice_of(name)), NULL};
}

static void append(struct value_ref *ref, const char *text)
{
    struct pack p = value_pack(ref);
    struct item i = item_of(slice_of(text));
    listpack_append(&p, &i);
}

/* The entry is where the tables say it is, and whole. */
static void check_found(const struct value_ref *ref)
{
    assert_true(entry_is_valid(ref->e));
    if (ref->db == NULL) return;
    struct key key = ref->key;
    assert_ptr_equal(db_find(ref->db, &key, NOW, DB_FIND_NO_STATS | DB_FIND_NO_TOUCH), ref->e);
    bool expires = entry_expire_at_ms(ref->e) != ENTRY_NO_EXPIRY;
    assert_int_equal(db_expires_count(ref->db), expires);
    assert_true(hashtable_is_valid(db_keys(ref->db)));
    assert_true(hashtable_is_valid(db_expires(ref->db)));
}

static void grow_and_shrink(struct value_ref *ref)
{
    char text[32];
    for (unsigned i = 0; i < 400; i++) {
        snprintf(text, sizeof(text), "element number %u", i);
        append(ref, text);
        check_found(ref);
        assert_int_equal(listpack_count(value_packed(ref->e)), i + 1);
    }
    assert_true(ref->e->has_pointer);
    assert_true(listpack_is_valid(value_packed(ref->e)));
    for (unsigned i = 400; i > 0; i--) {
        struct pack p = value_pack(ref);
        snprintf(text, sizeof(text), "element number %u", i - 1);
        struct item want = item_of(slice_of(text));
        assert_true(listpack_equals(p.bytes, listpack_last(p.bytes), &want));
        listpack_delete(&p, listpack_last(p.bytes), 1);
        check_found(ref);
    }
    assert_false(ref->e->has_pointer);
    assert_int_equal(listpack_bytes(value_packed(ref->e)), LISTPACK_EMPTY_BYTES);
}

static void a_packed_value_grows_out_of_the_entry_and_back(void **state)
{
    (void)state;
    struct keyspace *ks = keyspace_new(1);
    struct value_ref ref = ref_in(ks, "key");
    value_create(&ref, VALUE_HASH);
    grow_and_shrink(&ref);
    keyspace_free(ks);
}

static void a_packed_value_with_an_expiry_moves_in_both_tables(void **state)
{
    (void)state;
    struct keyspace *ks = keyspace_new(1);
    struct value_ref ref = ref_in(ks, "key");
    value_create(&ref, VALUE_ZSET);
    ref.e = db_set_expiry(ref.db, &ref.key, ref.e, LATER);
    grow_and_shrink(&ref);
    assert_int_equal(entry_expire_at_ms(ref.e), LATER);
    append(&ref, "x");
    ref.e = db_set_expiry(ref.db, &ref.key, ref.e, ENTRY_NO_EXPIRY);
    check_found(&ref);
    assert_int_equal(listpack_count(value_packed(ref.e)), 1);
    keyspace_free(ks);
}

static void a_value_outside_a_database_grows_too(void **state)
{
    (void)state;
    struct value_ref ref = {NULL, key_of(SLICE_LIT("key")), NULL};
    value_create(&ref, VALUE_LIST);
    grow_and_shrink(&ref);
    value_drop(&ref);
    assert_null(ref.e);
}

static void a_value_stays_in_its_size_class(void **state)
{
    (void)state;
    struct keyspace *ks = keyspace_new(1);
    struct value_ref ref = ref_in(ks, "k"); /* 8 + 1 + 7 bytes: a class of 16 */
    value_create(&ref, VALUE_LIST);
    append(&ref, "a"); /* 19 bytes: a class of 32 */
    const struct entry *before = ref.e;
    for (unsigned i = 0; i < 4; i++) append(&ref, "b"); /* 31 bytes */
    assert_ptr_equal(ref.e, before);
    assert_int_equal(entry_memory(ref.e), 32);
    keyspace_free(ks);
}

static void encodings_have_their_names(void **state)
{
    (void)state;
    static const struct {
        enum value_encoding encoding;
        const char *name;
    } names[] = {{ENCODING_LISTPACK, "listpack"}, {ENCODING_INTSET, "intset"}, {ENCODING_LISTPACK_EX, "listpackex"}};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct entry *e = value_new_packed(SLICE_LIT("k"), VALUE_HASH, names[i].encoding, SLICE_LIT("some bytes"), 5);
        assert_string_equal(entry_encoding_name(e), names[i].name);
        assert_string_equal(value_type_name(entry_type(e)), "hash");
        assert_memory_equal(value_packed(e), "some bytes", 10);
        assert_int_equal(value_free_effort(e), 1);
        assert_int_equal(value_object_bytes(e, 0), 0);
        entry_free(e);
    }
}

static void packed_bytes_are_replaced_by_others(void **state)
{
    (void)state;
    struct keyspace *ks = keyspace_new(1);
    struct value_ref ref = ref_in(ks, "key");
    char bytes[3000];
    memset(bytes, 'b', sizeof(bytes));
    value_create(&ref, VALUE_SET);
    assert_string_equal(entry_encoding_name(ref.e), "intset");
    static const size_t sizes[] = {100, 3000, 20, 1024, 1025, 900, 7};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        value_become_packed(&ref, ENCODING_LISTPACK, SLICE(bytes, sizes[i]));
        check_found(&ref);
        assert_memory_equal(value_packed(ref.e), bytes, sizes[i]);
        assert_string_equal(entry_encoding_name(ref.e), "listpack");
    }
    keyspace_free(ks);
}

static void a_key_is_renamed_without_a_copy(void **state)
{
    (void)state;
    struct value_ref ref = {NULL, key_of(SLICE_LIT("key")), NULL};
    for (unsigned i = 0; i < 1000; i++) {
        char text[16];
        snprintf(text, sizeof(text), "m%u", i);
        set_add(&ref, slice_of(text));
        if (i != 5 && i != 999) continue;
        const void *object = i == 999 ? value_object(ref.e) : NULL;
        ref.e = entry_rekey(ref.e, SLICE_LIT("a longer name"));
        assert_true(slice_eq(entry_key(ref.e), SLICE_LIT("a longer name")));
        assert_true(entry_is_valid(ref.e));
        assert_int_equal(set_count(ref.e), i + 1);
        if (object != NULL) assert_ptr_equal(value_object(ref.e), object);
    }
    entry_free_lazily(ref.e);
    worker_drain();
}

static void fill(struct value_ref *ref, unsigned members)
{
    for (unsigned i = 0; i < members; i++) {
        char text[16];
        snprintf(text, sizeof(text), "m%u", i);
        set_add(ref, slice_of(text));
    }
}

/* Each way in which a key goes away frees all of a large value, in the background. */
static void large_values_are_freed_in_the_background(void **state)
{
    (void)state;
    struct keyspace *ks = keyspace_new(1);
    struct db *db = keyspace_db(ks, 0);
    worker_drain();
    for (unsigned way = 0; way < 5; way++) {
        struct value_ref ref = ref_in(ks, "key");
        uint64_t lazily = keyspace_stats(ks)->lazyfreed_objects;
        size_t used = mem_used();
        fill(&ref, 5000);
        assert_true(entry_is_slow_to_free(ref.e));
        assert_int_equal(value_free_effort(ref.e), 5000);
        assert_true(mem_used() > used + 5000 * 8);
        switch (way) {
        case 0: assert_true(db_delete(db, &ref.key, NOW, false)); break;
        case 1:
            db_set_expiry(db, &ref.key, ref.e, NOW - 1);
            assert_null(db_find(db, &ref.key, NOW, DB_FIND_READ));
            break;
        case 2: db_set_string(db, &ref.key, SLICE_LIT("1"), ENTRY_NO_EXPIRY); break;
        case 3: db_put(db, entry_new_int(ref.key.name, 1, ENTRY_NO_EXPIRY), ref.key.hash); break;
        case 4: assert_int_equal(db_flush(db, true), 1); break;
        }
        assert_int_equal(keyspace_stats(ks)->lazyfreed_objects, lazily + 1);
        db_delete(db, &ref.key, NOW, false);
        worker_drain();
        assert_true(mem_used() < used + 4096);
    }
    keyspace_free(ks);
}

static void small_values_are_freed_at_once(void **state)
{
    (void)state;
    struct keyspace *ks = keyspace_new(1);
    struct value_ref ref = ref_in(ks, "key");
    fill(&ref, 20);
    assert_false(entry_is_slow_to_free(ref.e));
    assert_true(db_delete(ref.db, &ref.key, NOW, false));
    assert_int_equal(keyspace_stats(ks)->lazyfreed_objects, 0);
    assert_int_equal(worker_pending(), 0);
    keyspace_free(ks);
}

static void limits_are_kept(void **state)
{
    (void)state;
    struct value_limits before = *value_limits(), changed = before;
    changed.hash_max_listpack_entries = 3;
    changed.list_max_listpack_size = -5;
    value_set_limits(&changed);
    assert_int_equal(value_limits()->hash_max_listpack_entries, 3);
    assert_int_equal(value_limits()->list_max_listpack_size, -5);
    value_set_limits(&before);
    assert_int_equal(value_limits()->hash_max_listpack_entries, 512);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_packed_value_grows_out_of_the_entry_and_back),
        cmocka_unit_test(a_packed_value_with_an_expiry_moves_in_both_tables),
        cmocka_unit_test(a_value_outside_a_database_grows_too),
        cmocka_unit_test(a_value_stays_in_its_size_class),
        cmocka_unit_test(encodings_have_their_names),
        cmocka_unit_test(packed_bytes_are_replaced_by_others),
        cmocka_unit_test(a_key_is_renamed_without_a_copy),
        cmocka_unit_test(large_values_are_freed_in_the_background),
        cmocka_unit_test(small_values_are_freed_at_once),
        cmocka_unit_test(limits_are_kept),
    };
    mem_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
