/* SPDX-License-Identifier: MIT */
/*
 * Interleaving works on halves, quarters and so on of a word ("Interleave bits by Binary Magic Numbers", Sean Anderson, Bit Twiddling Hacks).
 * A coordinate at the very top of its range has one bit more than its step; it is kept, as Redis keeps it.
 */
#include "base/geohash.h"

#include <math.h>

#define DEGREE (M_PI / 180.0)
/* Half the width of the Mercator map, in meters at the equator. */
#define MAP_HALF_WIDTH_M 20037726.37

static double radians(double degrees) { return degrees * DEGREE; }
static double degrees(double radians_) { return radians_ / DEGREE; }

bool geo_is_on_map(struct geo_point p)
{
    return p.lon >= GEO_LON_MIN && p.lon <= GEO_LON_MAX && p.lat >= GEO_LAT_MIN && p.lat <= GEO_LAT_MAX;
}

/* --- bits --- */

static const uint64_t spread_masks[] = {0x5555555555555555, 0x3333333333333333, 0x0f0f0f0f0f0f0f0f, 0x00ff00ff00ff00ff,
                                        0x0000ffff0000ffff};

/* Bit i goes to bit 2i. */
static uint64_t spread(uint32_t value)
{
    uint64_t v = value;
    for (int i = 4; i >= 0; i--) v = (v | (v << (1u << i))) & spread_masks[i];
    return v;
}

static uint32_t gather(uint64_t v)
{
    v &= spread_masks[0];
    for (int i = 0; i < 4; i++) v = (v | (v >> (1u << i))) & spread_masks[i + 1];
    return (uint32_t)(v | (v >> 16));
}

static uint64_t interleave(uint32_t lat, uint32_t lon) { return spread(lat) | (spread(lon) << 1); }
static uint32_t lat_bits(uint64_t bits) { return gather(bits); }
static uint32_t lon_bits(uint64_t bits) { return gather(bits >> 1); }

/* --- cells --- */

struct range {
    double min, max;
};
static const struct range map_lon = {GEO_LON_MIN, GEO_LON_MAX};
static const struct range map_lat = {GEO_LAT_MIN, GEO_LAT_MAX};

static uint32_t halves(double value, struct range r, uint8_t step)
{
    double part = (value - r.min) / (r.max - r.min);
    part *= (double)(UINT64_C(1) << step);
    return (uint32_t)part;
}

struct geo_cell geo_cell_of(struct geo_point p, uint8_t step)
{
    return (struct geo_cell){interleave(halves(p.lat, map_lat, step), halves(p.lon, map_lon, step)), step};
}

static double edge(uint32_t index, struct range r, uint8_t step)
{
    return r.min + (double)index / (double)(UINT64_C(1) << step) * (r.max - r.min);
}

struct geo_bounds geo_cell_bounds(struct geo_cell cell)
{
    uint32_t lat = lat_bits(cell.bits), lon = lon_bits(cell.bits);
    return (struct geo_bounds){
        .min = {edge(lon, map_lon, cell.step), edge(lat, map_lat, cell.step)},
        .max = {edge(lon + 1, map_lon, cell.step), edge(lat + 1, map_lat, cell.step)},
    };
}

/* A coordinate that does not move keeps its bit above the step. */
static uint32_t moved(uint32_t index, int by, uint8_t step)
{
    return by == 0 ? index : (index + (uint32_t)by) & (uint32_t)((UINT64_C(1) << step) - 1);
}

struct geo_cell geo_cell_moved(struct geo_cell cell, int east, int north)
{
    uint32_t lat = moved(lat_bits(cell.bits), north, cell.step);
    uint32_t lon = moved(lon_bits(cell.bits), east, cell.step);
    return (struct geo_cell){interleave(lat, lon), cell.step};
}

void geo_cell_range(struct geo_cell cell, uint64_t *first, uint64_t *end)
{
    unsigned below = 2u * (GEO_STEP_MAX - cell.step);
    *first = cell.bits << below;
    *end = (cell.bits + 1) << below;
}

/* --- positions --- */

uint64_t geo_encode(struct geo_point p) { return geo_cell_of(p, GEO_STEP_MAX).bits; }

static double within(double value, struct range r) { return value > r.max ? r.max : value < r.min ? r.min : value; }

struct geo_point geo_decode(uint64_t bits)
{
    struct geo_bounds b = geo_cell_bounds((struct geo_cell){bits, GEO_STEP_MAX});
    return (struct geo_point){within((b.min.lon + b.max.lon) / 2, map_lon),
                              within((b.min.lat + b.max.lat) / 2, map_lat)};
}

/* 52 bits make ten letters; the eleventh says nothing and is always the first of the alphabet. */
void geo_text(struct geo_point p, char out[12])
{
    static const char letters[] = "0123456789bcdefghjkmnpqrstuvwxyz";
    static const struct range lat = {-90, 90};
    uint64_t bits = interleave(halves(p.lat, lat, GEO_STEP_MAX), halves(p.lon, map_lon, GEO_STEP_MAX));
    for (unsigned i = 0; i < 10; i++) out[i] = letters[(bits >> (47 - i * 5)) & 31];
    out[10] = letters[0];
    out[11] = '\0';
}

/* --- distances --- */

static double lat_distance_m(double a, double b) { return GEO_EARTH_RADIUS_M * fabs(radians(b) - radians(a)); }

/* Haversine. */
double geo_distance_m(struct geo_point a, struct geo_point b)
{
    double v = sin((radians(b.lon) - radians(a.lon)) / 2);
    if (v == 0) return lat_distance_m(a.lat, b.lat);
    double a_lat = radians(a.lat), b_lat = radians(b.lat);
    double u = sin((b_lat - a_lat) / 2);
    double h = u * u + cos(a_lat) * cos(b_lat) * v * v;
    return 2.0 * GEO_EARTH_RADIUS_M * asin(sqrt(h));
}

/* --- shapes --- */

bool geo_shape_has(const struct geo_shape *s, struct geo_point p, double *distance_m)
{
    if (!s->is_box) {
        *distance_m = geo_distance_m(s->center, p);
        return !(*distance_m > s->radius_m);
    }
    if (lat_distance_m(p.lat, s->center.lat) > s->height_m / 2) return false;
    if (geo_distance_m(p, (struct geo_point){s->center.lon, p.lat}) > s->width_m / 2) return false;
    *distance_m = geo_distance_m(s->center, p);
    return true;
}

/* The box around a shape: as wide as it is at the end that is nearer to a pole. */
static struct geo_bounds shape_bounds(const struct geo_shape *s)
{
    double height = s->is_box ? s->height_m / 2 : s->radius_m;
    double width = s->is_box ? s->width_m / 2 : s->radius_m;
    double lat = degrees(height / GEO_EARTH_RADIUS_M);
    double wide_lat = s->center.lat < 0 ? s->center.lat - lat : s->center.lat + lat;
    double lon = degrees(width / GEO_EARTH_RADIUS_M / cos(radians(wide_lat)));
    return (struct geo_bounds){
        .min = {s->center.lon - lon, s->center.lat - lat},
        .max = {s->center.lon + lon, s->center.lat + lat},
    };
}

/* How fine a grid may be so that a cell and its neighbours cover such a radius. */
static uint8_t step_of_radius(double radius_m, double lat)
{
    if (radius_m == 0) return GEO_STEP_MAX;
    int step = -1;
    while (radius_m < MAP_HALF_WIDTH_M) {
        radius_m *= 2;
        step++;
    }
    /* Cells are narrower near the poles. */
    if (fabs(lat) > 66) step--;
    if (fabs(lat) > 80) step--;
    return (uint8_t)(step < 1 ? 1 : step > GEO_STEP_MAX ? GEO_STEP_MAX : step);
}

/* Bounds that are not numbers, of shapes without end, are reached. */
static bool neighbours_reach(struct geo_cell cell, const struct geo_bounds *wanted)
{
    return !(geo_cell_bounds(geo_cell_moved(cell, 0, 1)).max.lat < wanted->max.lat) &&
           !(geo_cell_bounds(geo_cell_moved(cell, 0, -1)).min.lat > wanted->min.lat) &&
           !(geo_cell_bounds(geo_cell_moved(cell, 1, 0)).max.lon < wanted->max.lon) &&
           !(geo_cell_bounds(geo_cell_moved(cell, -1, 0)).min.lon > wanted->min.lon);
}

/* Nothing of the shape lies beyond this side of the center's cell. */
static bool is_useless(const struct geo_bounds *cell, const struct geo_bounds *wanted, int east, int north)
{
    return (north < 0 && cell->min.lat < wanted->min.lat) || (north > 0 && cell->max.lat > wanted->max.lat) ||
           (east < 0 && cell->min.lon < wanted->min.lon) || (east > 0 && cell->max.lon > wanted->max.lon);
}

unsigned geo_shape_cover(const struct geo_shape *s, struct geo_cell out[GEO_COVER_MAX])
{
    static const int8_t moves[GEO_COVER_MAX][2] = {{0, 0}, {0, 1},  {0, -1}, {1, 0},  {-1, 0},
                                                   {1, 1}, {-1, 1}, {1, -1}, {-1, -1}};
    struct geo_bounds wanted = shape_bounds(s);
    double reach =
        s->is_box ? sqrt((s->width_m / 2) * (s->width_m / 2) + (s->height_m / 2) * (s->height_m / 2)) : s->radius_m;
    uint8_t step = step_of_radius(reach, s->center.lat);
    struct geo_cell center = geo_cell_of(s->center, step);
    if (step > 1 && !neighbours_reach(center, &wanted)) center = geo_cell_of(s->center, --step);
    struct geo_bounds area = geo_cell_bounds(center);
    unsigned n = 0;
    for (unsigned i = 0; i < GEO_COVER_MAX; i++) {
        if (step >= 2 && is_useless(&area, &wanted, moves[i][0], moves[i][1])) continue;
        struct geo_cell cell = geo_cell_moved(center, moves[i][0], moves[i][1]);
        /* With a very coarse grid, opposite neighbours are the same cell. */
        if (n > 0 && out[n - 1].bits == cell.bits) continue;
        out[n++] = cell;
    }
    return n;
}
