/* SPDX-License-Identifier: MIT */
/* The counters of INFO stats and persistence. One struct in the server, written where things happen, read by INFO; CONFIG RESETSTAT clears the first. */
#ifndef SERVER_STATS_H
#define SERVER_STATS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct server_stats {
    uint64_t connections_received, connections_rejected;
    uint64_t commands_processed;
    uint64_t net_input_bytes, net_output_bytes;
    uint64_t protocol_errors, error_replies, auth_failures;
    uint64_t reads_processed, writes_processed;
    uint64_t expired_time_cap_reached, expire_cycle_cpu_us;
    double expired_stale_percent;
    uint64_t query_buffer_limit_disconnections, output_buffer_limit_disconnections;
    uint64_t peak_memory;
    uint64_t total_forks;
    double ops_per_second, input_kbps, output_kbps;
    uint64_t loop_turns, loop_busy_us;
};

/* What INFO persistence tells; kept by snapshot.c and startup.c. */
struct persistence_stats {
    bool loading;
    int64_t loading_start_s;
    uint64_t loading_total_bytes, loading_loaded_bytes, loading_rdb_used_memory;
    uint64_t last_load_keys_expired, last_load_keys_loaded;
    uint64_t saves;      /* rdb_saves */
    int64_t last_save_s; /* LASTSAVE */
    bool last_bgsave_ok;
    int64_t last_bgsave_time_s;     /* -1 */
    int64_t current_bgsave_start_s; /* -1 when none runs */
    uint64_t current_save_keys_processed, current_save_keys_total;
    uint64_t last_cow_bytes, current_cow_bytes, current_cow_peak_bytes, current_cow_age_s;
    int64_t latest_fork_usec;
};

/* Error replies by their first word (errorstats). */
#define ERROR_KINDS_MAX 128
struct error_kind {
    char name[32];
    uint64_t count;
};

#endif
