/* SPDX-License-Identifier: MIT */
/*
 * Positions on the earth as numbers: the longitude and latitude ranges are halved `step` times each, the bits of the halves are interleaved,
 * longitude first. Near positions share leading bits, so that a cell of the grid is a range of numbers.
 *
 *   bit 51                                  bit 0
 *   lon lat lon lat ...                 lon lat      26 steps: 52 bits, exact in a double
 *
 * The grid covers the latitudes of the Mercator map (EPSG:3857); distances are great circles on a sphere of the earth's mean radius at
 * GEO_EARTH_RADIUS_M. Every formula is evaluated in the order that Redis has, so that results agree to the last digit.
 */
#ifndef BASE_GEOHASH_H
#define BASE_GEOHASH_H

#include <stdbool.h>
#include <stdint.h>

#define GEO_STEP_MAX 26
#define GEO_LON_MIN (-180.0)
#define GEO_LON_MAX 180.0
#define GEO_LAT_MIN (-85.05112878)
#define GEO_LAT_MAX 85.05112878
#define GEO_EARTH_RADIUS_M 6372797.560856

struct geo_point {
    double lon, lat; /* degrees */
};
bool geo_is_on_map(struct geo_point p);

/* A cell: `step` bits of each coordinate. */
struct geo_cell {
    uint64_t bits;
    uint8_t step;
};
struct geo_bounds {
    struct geo_point min, max;
};
/* p is on the map. */
struct geo_cell geo_cell_of(struct geo_point p, uint8_t step);
struct geo_bounds geo_cell_bounds(struct geo_cell cell);
/* The cell so many columns east and rows north; the grid is a torus. */
struct geo_cell geo_cell_moved(struct geo_cell cell, int east, int north);
/* The 52-bit numbers in a cell: [*first, *end). */
void geo_cell_range(struct geo_cell cell, uint64_t *first, uint64_t *end);

/* The 52-bit number of a position, and the middle of the cell that a number stands for. */
uint64_t geo_encode(struct geo_point p);
struct geo_point geo_decode(uint64_t bits);
/* 11 letters of the geohash that maps elsewhere use (latitudes to 90 degrees); NUL-terminated. */
void geo_text(struct geo_point p, char out[12]);

double geo_distance_m(struct geo_point a, struct geo_point b);

/* --- looking around a point --- */
struct geo_shape {
    struct geo_point center;
    bool is_box;
    double radius_m;          /* of a circle */
    double width_m, height_m; /* of a box */
};
/* True when p is inside; the distance from the center too. */
bool geo_shape_has(const struct geo_shape *s, struct geo_point p, double *distance_m);
/* The cells that cover a shape, the one of the center first; returns how many. */
#define GEO_COVER_MAX 9
unsigned geo_shape_cover(const struct geo_shape *s, struct geo_cell out[GEO_COVER_MAX]);

#endif
