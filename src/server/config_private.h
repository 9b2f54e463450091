/* SPDX-License-Identifier: MIT */
/*
 * The table of directives, shared by the files of the configuration: config_table.c holds the rows, config_value.c
 * parses and shows one value, config_file.c reads files and the command line, config.c does the rest.
 *
 * A row either has a field in struct config (a built feature) or not: then its value stands in cfg->known under
 * the row's number, is shown by CONFIG GET and changes nothing. A row with `asks_for` takes its default only:
 * another value would ask for a feature that is not built.
 */
#ifndef SERVER_CONFIG_PRIVATE_H
#define SERVER_CONFIG_PRIVATE_H

#include "server/config.h"

#define CONFIG_BINDS_MAX 16
#define CONFIG_INCLUDE_DEPTH_MAX 16
#define CONFIG_FILES_MAX 1024 /* read by one load, includes counted */
#define CONFIG_FILE_BYTES_MAX (16u << 20)
#define CONFIG_HZ_MIN 1
#define CONFIG_HZ_MAX 500

enum config_kind {
    KIND_BOOL,
    KIND_CHOICE,            /* one word of `choices` */
    KIND_FLAGS,             /* several words, their bits joined */
    KIND_INT,               /* between min and max */
    KIND_MEMORY,            /* bytes, with a unit; bounds unsigned */
    KIND_MEMORY_OR_PERCENT, /* a percentage is held as a negative number */
    KIND_OCTAL,
    KIND_TEXT,   /* default NULL: an empty text is held as NULL; else as "" */
    KIND_LIST,   /* words, held as one text joined by spaces */
    KIND_CUSTOM, /* set and show do it all */
};

enum config_row_flags {
    ROW_IMMUTABLE = 1, /* not by CONFIG SET */
    ROW_PROTECTED = 2, /* by CONFIG SET only with enable-protected-configs */
    ROW_HIDDEN = 4,    /* found by its name only, never by a wildcard */
    ROW_CLAMP_HZ = 8,
};

struct config_choice {
    const char *word;
    int64_t value;
};

/* The value of a directive without a field. */
struct config_known {
    int64_t number;
    char *text;
};

enum config_origin { CONFIG_FROM_FILE, CONFIG_FROM_SET };

/* A value on its way in: the words after the directive's name. */
struct config_input {
    const struct slice *words;
    size_t count;
    enum config_origin origin;
    char *reason; /* filled on failure */
    size_t reason_size;
};

struct config_row {
    const char *name, *alias;
    enum config_kind kind;
    unsigned flags;
    size_t offset, width; /* of the field in struct config; width 0: none */
    int64_t min, max, number;
    const char *text;                    /* default of TEXT and LIST */
    const struct config_choice *choices; /* up to one without a word */
    unsigned effect;                     /* enum config_effect */
    const char *asks_for; /* the feature that other values than the default ask for; "the append-only file" */
    /* Looks at a parsed number or text; false with a reason. */
    bool (*check)(const struct config_row *row, int64_t number, struct slice text, const struct config_input *in);
    bool (*set)(struct config *cfg, const struct config_input *in);
    void (*show)(const struct config *cfg, struct buf *out);
};

/* --- config_table.c --- */
const struct config_row *config_rows(size_t *count);

/* --- config_value.c --- */
bool config_fail(const struct config_input *in, const char *fmt, ...)
    __attribute__((format(printf, 2, 3))); /* false, always */
void config_value_default(struct config *cfg, const struct config_row *row);
bool config_value_set(struct config *cfg, const struct config_row *row, const struct config_input *in);
void config_value_show(const struct config *cfg, const struct config_row *row, struct buf *out);
/* Frees or copies what the rows hold; save, bind and the like are config_special.c's. */
void config_values_free(struct config *cfg);
void config_values_copy(struct config *to, const struct config *from);
/* True when the directive takes several words. */
bool config_row_takes_many(const struct config_row *row);

/* --- config_special.c: directives with a form of their own --- */
bool config_set_save(struct config *cfg, const struct config_input *in);
void config_show_save(const struct config *cfg, struct buf *out);
bool config_set_bind(struct config *cfg, const struct config_input *in);
void config_show_bind(const struct config *cfg, struct buf *out);
bool config_set_output_limits(struct config *cfg, const struct config_input *in);
void config_show_output_limits(const struct config *cfg, struct buf *out);
bool config_set_dir(struct config *cfg, const struct config_input *in);
void config_show_dir(const struct config *cfg, struct buf *out);
bool config_set_replicaof(struct config *cfg, const struct config_input *in);
void config_show_nothing(const struct config *cfg, struct buf *out);
bool config_check_oom_values(const struct config_row *row, int64_t number, struct slice text,
                             const struct config_input *in);
bool config_check_percentiles(const struct config_row *row, int64_t number, struct slice text,
                              const struct config_input *in);
bool config_check_notify_classes(const struct config_row *row, int64_t number, struct slice text,
                                 const struct config_input *in);
bool config_check_title_template(const struct config_row *row, int64_t number, struct slice text,
                                 const struct config_input *in);
bool config_check_file_name(const struct config_row *row, int64_t number, struct slice text,
                            const struct config_input *in);
bool config_check_hostname(const struct config_row *row, int64_t number, struct slice text,
                           const struct config_input *in);
bool config_check_shutdown_flags(const struct config_row *row, int64_t number, struct slice text,
                                 const struct config_input *in);
bool config_check_eviction_policy(const struct config_row *row, int64_t number, struct slice text,
                                  const struct config_input *in);
/* The defaults of save, bind and client-output-buffer-limit; dir. */
void config_special_defaults(struct config *cfg);
void config_special_deinit(struct config *cfg);
void config_special_copy(struct config *to, const struct config *from);
/* Lines of a file that are not in the table: user, rename-command, loadmodule, sentinel. False with a reason. */
bool config_set_unlisted(struct slice name, const struct config_input *in);

/* --- config.c --- */
const struct config_row *config_find(struct slice name); /* by name or alias, any case; NULL */

#endif
