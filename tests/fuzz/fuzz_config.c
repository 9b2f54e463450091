/* SPDX-License-Identifier: MIT */
/*
 * The configuration parser: the text of a redis.conf. Whatever it says, it loads or is refused with a reason, and
 * what CONFIG GET then shows goes through CONFIG SET. Runs in a directory of its own that holds files to include; a
 * text that could include one from elsewhere is left out.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/mem.h"
#include "server/config.h"

#define TEXT_BYTES_MAX 16384

static char directory[] = "/tmp/keepsake-fuzz-config-XXXXXX";

static void remove_directory(void)
{
    if (chdir(directory) != 0) return;
    unlink("a.conf");
    unlink("b.conf");
    unlink("self.conf");
    if (chdir("/") == 0) rmdir(directory);
}

static void write_file(const char *name, const char *text)
{
    FILE *f = fopen(name, "w");
    ASSERT(f != NULL);
    ASSERT(fputs(text, f) >= 0);
    ASSERT(fclose(f) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Once. The fuzzer reads its corpus by relative paths, so the working directory changes for the time of a run only. */
static void make_directory(void)
{
    static bool is_made;
    if (is_made) return;
    is_made = true;
    mem_init();
    ASSERT(mkdtemp(directory) != NULL);
    atexit(remove_directory);
    ASSERT(chdir(directory) == 0);
    write_file("a.conf", "save 1 1\nhz 20\n");
    write_file("b.conf", "include a.conf\nport 1\nbind x y\n");
    write_file("self.conf", "include self.conf\n");
}

/* Only an include or a dir can lead elsewhere, and only with a path that has a slash, a wildcard or an escape. */
static bool leads_elsewhere(struct slice text)
{
    for (size_t i = 0; i + 7 <= text.len; i++) {
        if (strncasecmp(text.ptr + i, "include", 7) != 0) continue;
        for (size_t k = 0; k < text.len; k++) {
            if (strchr("/\\~", text.ptr[k]) && text.ptr[k] != 0) return true;
        }
        return false;
    }
    return memmem(text.ptr, text.len, "\\x", 2) != NULL; /* may spell it in another way */
}

static void set_again(void *ctx, struct slice name, struct slice value)
{
    struct config *cfg = ctx;
    struct config_change change = {name, value};
    char error[512];
    if (config_set(cfg, &change, 1, true, NULL, NULL, error, sizeof(error))) return;
    ASSERT(error[0] != 0);
}

static void load(struct slice text)
{
    struct config cfg, copy;
    struct config_error error = {.reason = ""};
    config_init(&cfg);
    if (config_load_text(&cfg, text, "fuzz", &error)) {
        struct slice everything = SLICE_LIT("*");
        config_copy(&copy, &cfg);
        config_each_match_any(&cfg, &everything, 1, set_again, &copy);
        config_deinit(&copy);
    } else {
        ASSERT(error.reason[0] != 0);
    }
    config_deinit(&cfg);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice text = SLICE((const char *)data, size);
    char home[4096];
    if (size > TEXT_BYTES_MAX || leads_elsewhere(text)) return -1;
    ASSERT(getcwd(home, sizeof(home)) != NULL);
    make_directory();
    ASSERT(chdir(directory) == 0);
    load(text);
    ASSERT(chdir(home) == 0);
    return 0;
}
