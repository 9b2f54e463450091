/* SPDX-License-Identifier: MIT */
/*
 * server_cron: `hz` times a second, small shares of the work that nobody waits for. One turn:
 *   1. asked-for shutdown        4. active expiry (time-bounded)     7. snapshots (rules, the child)
 *   2. clocks and samples        5. table resizing (1 ms)
 *   3. clients (timeouts)        6. peak memory
 */
#include <stddef.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/ticks.h"
#include "server/state.h"

#define SAMPLE_INTERVAL_US 100000
#define REHASH_BUDGET_US 1000
#define REHASH_BUCKETS_PER_STEP 64
#define EXPIRE_ENTRIES_PER_STEP 256
#define EXPIRE_CPU_PERCENT 25
#define EXPIRE_LOOK_PERCENT 1
#define CLIENTS_PER_HZ 200
#define HZ_MAX 500

static double ring_average(const double *ring)
{
    double sum = 0;
    for (int i = 0; i < 16; i++) sum += ring[i];
    return sum / 16;
}

/* instantaneous_ops_per_sec and the network rates. */
static void sample_rates(struct server *s, int64_t now_us)
{
    int64_t elapsed_us = now_us - s->last_sample_us;
    if (elapsed_us < SAMPLE_INTERVAL_US) return;
    double per_second = 1e6 / (double)elapsed_us;
    unsigned slot = s->sample_slot++ % 16;
    s->ops_ring[slot] = (double)(s->stats.commands_processed - s->sampled_commands) * per_second;
    s->in_ring[slot] = (double)(s->stats.net_input_bytes - s->sampled_in) * per_second / 1024;
    s->out_ring[slot] = (double)(s->stats.net_output_bytes - s->sampled_out) * per_second / 1024;
    s->sampled_commands = s->stats.commands_processed;
    s->sampled_in = s->stats.net_input_bytes;
    s->sampled_out = s->stats.net_output_bytes;
    s->last_sample_us = now_us;
    s->stats.ops_per_second = ring_average(s->ops_ring);
    s->stats.input_kbps = ring_average(s->in_ring);
    s->stats.output_kbps = ring_average(s->out_ring);
}

/* Of the time between two turns: a quarter while much of what is looked at is expired (a higher active-expire-effort takes
 * up to twice that), a hundredth to look around, so that the expired few among many are found within seconds too. */
static int64_t expire_budget_us(const struct server *s, bool finds_many)
{
    int64_t turn_us = 1000000 / s->hz;
    int effort = s->config.active_expire_effort > 0 ? s->config.active_expire_effort - 1 : 0;
    return finds_many ? turn_us * (EXPIRE_CPU_PERCENT + 2 * effort) / 100 : turn_us * EXPIRE_LOOK_PERCENT / 100;
}

static void expire_keys(struct server *s)
{
    int64_t started_us = clock_mono_us();
    int64_t spent_us = 0;
    struct expire_progress p;
    do {
        p = keyspace_expire_step(s->keyspace, s->now_ms, EXPIRE_ENTRIES_PER_STEP);
        if (p.examined == 0) break;
        bool finds_many = p.expired * 10 >= p.examined;
        double stale = 100.0 * (double)p.expired / (double)p.examined;
        s->stats.expired_stale_percent = stale * 0.05 + s->stats.expired_stale_percent * 0.95;
        spent_us = clock_mono_us() - started_us;
        if (spent_us <= expire_budget_us(s, finds_many)) continue;
        s->stats.expired_time_cap_reached += finds_many;
        break;
    } while (p.examined >= EXPIRE_ENTRIES_PER_STEP); /* fewer: every database has come around */
    s->stats.expire_cycle_cpu_us += (uint64_t)spent_us;
}

/* Fields of hashes: the due ones are known, nothing has to be looked for. Keys and fields share the time since cycle_us; a step of
 * fields is always made. */
static void expire_fields(struct server *s, int64_t cycle_us)
{
    int64_t started_us = clock_mono_us(), now_us;
    size_t removed;
    do {
        removed = keyspace_expire_fields_step(s->keyspace, s->now_ms, EXPIRE_ENTRIES_PER_STEP);
        now_us = clock_mono_us();
    } while (removed > 0 && now_us - cycle_us <= expire_budget_us(s, true));
    s->stats.expire_cycle_cpu_us += (uint64_t)(now_us - started_us);
}

static void rehash(struct server *s)
{
    int64_t until_us = clock_mono_us() + REHASH_BUDGET_US;
    while (keyspace_rehash_step(s->keyspace, REHASH_BUCKETS_PER_STEP)) {
        if (clock_mono_us() > until_us) return;
    }
}

/* dynamic-hz: more clients need more frequent visits. */
static void choose_hz(struct server *s)
{
    s->hz = s->config.hz;
    if (!s->config.dynamic_hz) return;
    while (s->clients.count / (unsigned)s->hz > CLIENTS_PER_HZ && s->hz < HZ_MAX) s->hz *= 2;
    if (s->hz > HZ_MAX) s->hz = HZ_MAX;
}

static void refresh_clocks(struct server *s)
{
    server_refresh_clock(s);
    keyspace_set_access_clock(s->keyspace, (uint32_t)(s->now_ms / 1000) & 0xffffff);
    ticks_calibrate();
    sample_rates(s, loop_now_us(s->loop));
}

static void on_due(struct loop_timer *t)
{
    struct server *s = (struct server *)((char *)t - offsetof(struct server, cron));
    s->cron_turns++;
    shutdown_cron(s);
    refresh_clocks(s);
    choose_hz(s);
    clients_cron(s);
    if (!s->persistence.loading) {
        if (s->active_expire) {
            int64_t cycle_us = clock_mono_us();
            expire_keys(s);
            expire_fields(s, cycle_us);
        }
        if (s->config.activerehashing) rehash(s);
        snapshot_cron(s);
    }
    size_t used = mem_used();
    if (used > s->stats.peak_memory) s->stats.peak_memory = used;
    loop_timer_start(s->loop, t, 1000000 / s->hz);
}

void cron_start(struct server *s)
{
    s->hz = s->config.hz;
    s->last_sample_us = clock_mono_us();
    s->cron.on_due = on_due;
    refresh_clocks(s);
    loop_timer_start(s->loop, &s->cron, 1000);
}
