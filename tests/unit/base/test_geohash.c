/* SPDX-License-Identifier: MIT */
#include "base/geohash.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"

static const struct geo_point palermo = {13.361389, 38.115556}, catania = {15.087269, 37.502669};

static void numbers_are_those_of_redis(void **state)
{
    (void)state;
    assert_true(geo_encode(palermo) == UINT64_C(3479099956230698));
    assert_true(geo_encode(catania) == UINT64_C(3479447370796909));
    struct geo_point p = geo_decode(UINT64_C(3479099956230698));
    assert_true(p.lon == 13.36138933897018433);
    assert_true(p.lat == 38.11555639549629859);
}

static void text_is_the_usual_geohash(void **state)
{
    (void)state;
    char text[12];
    geo_text(geo_decode(geo_encode(palermo)), text);
    assert_string_equal(text, "sqc8b49rny0");
    geo_text(geo_decode(geo_encode(catania)), text);
    assert_string_equal(text, "sqdtr74hyu0");
}

static void distance_is_that_of_redis(void **state)
{
    (void)state;
    double m = geo_distance_m(geo_decode(geo_encode(palermo)), geo_decode(geo_encode(catania)));
    assert_true(fabs(m - 166274.1516) < 0.00005);
    assert_true(geo_distance_m(palermo, palermo) == 0);
}

static struct geo_point random_point(struct rng *r)
{
    double x = (double)rng_below(r, 1u << 30) / (1u << 30), y = (double)rng_below(r, 1u << 30) / (1u << 30);
    return (struct geo_point){GEO_LON_MIN + x * (GEO_LON_MAX - GEO_LON_MIN),
                              GEO_LAT_MIN + y * (GEO_LAT_MAX - GEO_LAT_MIN)};
}

static void a_cell_holds_what_it_was_made_of(void **state)
{
    (void)state;
    struct rng r;
    rng_seed(&r, 1);
    for (unsigned i = 0; i < 20000; i++) {
        struct geo_point p = random_point(&r);
        struct geo_cell cell = geo_cell_of(p, (uint8_t)(1 + rng_below(&r, GEO_STEP_MAX)));
        struct geo_bounds b = geo_cell_bounds(cell);
        assert_true(b.min.lon <= p.lon && p.lon <= b.max.lon && b.min.lat <= p.lat && p.lat <= b.max.lat);
        uint64_t first, end, bits = geo_encode(p);
        geo_cell_range(cell, &first, &end);
        assert_true(first <= bits && bits < end);
    }
}

static void moving_there_and_back_changes_nothing(void **state)
{
    (void)state;
    struct rng r;
    rng_seed(&r, 2);
    for (unsigned i = 0; i < 5000; i++) {
        struct geo_cell cell = geo_cell_of(random_point(&r), (uint8_t)(1 + rng_below(&r, GEO_STEP_MAX)));
        int east = (int)rng_below(&r, 3) - 1, north = (int)rng_below(&r, 3) - 1;
        struct geo_cell back = geo_cell_moved(geo_cell_moved(cell, east, north), -east, -north);
        assert_true(back.bits == cell.bits && back.step == cell.step);
    }
}

static bool covers(const struct geo_cell *cells, unsigned n, struct geo_point p)
{
    uint64_t bits = geo_encode(p), first, end;
    for (unsigned i = 0; i < n; i++) {
        geo_cell_range(cells[i], &first, &end);
        if (first <= bits && bits < end) return true;
    }
    return false;
}

/* Away from the poles, where the map has no cells beyond its edge. */
static void whatever_is_in_a_shape_is_in_a_cell_of_its_cover(void **state)
{
    (void)state;
    struct rng r;
    unsigned inside = 0;
    rng_seed(&r, 3);
    for (unsigned i = 0; i < 200000; i++) {
        struct geo_shape s = {.center = random_point(&r), .is_box = i % 2 == 0};
        if (fabs(s.center.lat) > 60) continue;
        s.radius_m = s.width_m = s.height_m = (double)(1 + rng_below(&r, 1000000));
        double spread = s.radius_m / 100000;
        struct geo_point p = {s.center.lon + ((double)rng_below(&r, 2001) / 1000 - 1) * spread,
                              s.center.lat + ((double)rng_below(&r, 2001) / 1000 - 1) * spread};
        double distance;
        if (!geo_is_on_map(p) || !geo_shape_has(&s, p, &distance)) continue;
        struct geo_cell cells[GEO_COVER_MAX];
        inside++;
        assert_true(covers(cells, geo_shape_cover(&s, cells), p));
    }
    assert_true(inside > 10000);
}

static void shapes_of_any_size_have_a_cover(void **state)
{
    (void)state;
    static const double sizes[] = {0, 1e-300, 1, 2e7, 1e300, INFINITY};
    static const struct geo_point centers[] = {
        {0, 0}, {GEO_LON_MAX, GEO_LAT_MAX}, {GEO_LON_MIN, GEO_LAT_MIN}, {179.9, 85}, {-180, 0}};
    for (unsigned i = 0; i < 6; i++) {
        for (unsigned k = 0; k < 5; k++) {
            struct geo_shape s = {
                .center = centers[k], .radius_m = sizes[i], .width_m = sizes[i], .height_m = sizes[i]};
            struct geo_cell cells[GEO_COVER_MAX];
            for (int box = 0; box < 2; box++) {
                s.is_box = box == 1;
                unsigned n = geo_shape_cover(&s, cells);
                assert_true(n >= 1 && n <= GEO_COVER_MAX);
                assert_true(covers(cells, n, s.center));
            }
        }
    }
}

static void numbers_that_are_no_geohash_stand_for_a_place_on_the_map(void **state)
{
    (void)state;
    static const uint64_t odd[] = {0, UINT64_MAX, UINT64_C(1) << 63, UINT64_C(1) << 52, 0x5555555555555555};
    for (unsigned i = 0; i < 5; i++) assert_true(geo_is_on_map(geo_decode(odd[i])));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_those_of_redis),
        cmocka_unit_test(text_is_the_usual_geohash),
        cmocka_unit_test(distance_is_that_of_redis),
        cmocka_unit_test(a_cell_holds_what_it_was_made_of),
        cmocka_unit_test(moving_there_and_back_changes_nothing),
        cmocka_unit_test(whatever_is_in_a_shape_is_in_a_cell_of_its_cover),
        cmocka_unit_test(shapes_of_any_size_have_a_cover),
        cmocka_unit_test(numbers_that_are_no_geohash_stand_for_a_place_on_the_map),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
