/* SPDX-License-Identifier: MIT */
#include "resp/parser.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/resp/feed.h"

/* An input and what it must parse to. A literal's NULs count. */
struct sample {
    const char *bytes;
    size_t len;
    const char *transcript;
};
#define SAMPLE(bytes_, transcript_)             \
    {                                           \
        bytes_, sizeof(bytes_) - 1, transcript_ \
    }

static const struct sample samples[] = {
    SAMPLE("", ""),
    SAMPLE("*1\r\n$4\r\nPING\r\n", "[14 1 4:PING]"),
    SAMPLE("*2\r\n$3\r\nGET\r\n$1\r\nk\r\n*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$0\r\n\r\n",
           "[20 2 3:GET 1:k][26 3 3:SET 1:k 0:]"),
    SAMPLE("*3\r\n$3\r\nSET\r\n$10\r\n0123456789\r\n$12\r\n\r\n$3\r\nabc\r\n*\r\n",
           "[49 3 3:SET 10:0123456789 12:\r\n$3\r\nabc\r\n*]"),
    SAMPLE("*11\r\n$1\r\na\r\n$1\r\nb\r\n$1\r\nc\r\n$1\r\nd\r\n$1\r\ne\r\n$1\r\nf\r\n$1\r\ng\r\n$1\r\nh\r\n$1\r\ni\r\n$"
           "1\r\nj\r\n$1\r\nk\r\n",
           "[82 11 1:a 1:b 1:c 1:d 1:e 1:f 1:g 1:h 1:i 1:j 1:k]"),
    SAMPLE("*1\r\n$4\r\nPING\r\nPING\r\n*1\r\n$4\r\nPING\r\n", "[14 1 4:PING][6 1 4:PING][14 1 4:PING]"),
    SAMPLE("*0\r\n*-1\r\n*-77\r\n\r\n\n  \r\nPING\n", "[4 0][5 0][6 0][2 0][1 0][4 0][5 1 4:PING]"),
    SAMPLE("SET 'a b' \"x\\x41\\n\"\r\n", "[21 3 3:SET 3:a b 3:xA\n]"),
    /* The byte behind a CR is not looked at, nor is the CRLF of a bulk. */
    SAMPLE("*1\rX$4\rYPINGZZ", "[14 1 4:PING]"),
    SAMPLE("*1\r\n$000\r\n", "!Protocol error: invalid bulk length"),
    SAMPLE("*\r\n", "!Protocol error: invalid multibulk length"),
    SAMPLE("*+1\r\n", "!Protocol error: invalid multibulk length"),
    SAMPLE("*01\r\n", "!Protocol error: invalid multibulk length"),
    SAMPLE("*-0\r\n", "!Protocol error: invalid multibulk length"),
    SAMPLE("*1 \r\n", "!Protocol error: invalid multibulk length"),
    SAMPLE("*1\0\r\n", "!Protocol error: invalid multibulk length"),
    SAMPLE("*abc\r\n", "!Protocol error: invalid multibulk length"),
    SAMPLE("*2147483647\r\n", ""),
    SAMPLE("*2147483648\r\n", "!Protocol error: invalid multibulk length"),
    SAMPLE("*4294967297\r\n$4\r\n", "!Protocol error: invalid multibulk length"),
    SAMPLE("*99999999999999999999\r\n", "!Protocol error: invalid multibulk length"),
    SAMPLE("*1\r\nX", ""),
    SAMPLE("*1\r\nXYZ\r\n", "!Protocol error: expected '$', got 'X'"),
    SAMPLE("*1\r\n\r\n", "!Protocol error: expected '$', got ' '"),
    SAMPLE("*2\r\n$4\r\nPING\r\n:5\r\n", "!Protocol error: expected '$', got ':'"),
    SAMPLE("*1\r\n$-1\r\n", "!Protocol error: invalid bulk length"),
    SAMPLE("*1\r\n$\r\n", "!Protocol error: invalid bulk length"),
    SAMPLE("*1\r\n$04\r\nPING\r\n", "!Protocol error: invalid bulk length"),
    SAMPLE("*1\r\n$x\r\n", "!Protocol error: invalid bulk length"),
    SAMPLE("*1\r\n$536870913\r\n", "!Protocol error: invalid bulk length"),
    SAMPLE("*1\r\n$9223372036854775807\r\n", "!Protocol error: invalid bulk length"),
    SAMPLE("PING\r\n*1\r\n$4\r\nPING\r\n\"abc\r\nPING\r\n",
           "[6 1 4:PING][14 1 4:PING]!Protocol error: unbalanced quotes in request"),
    SAMPLE("*2\r\n$3\r\nGET\r\n$1\r\nk\r\n*2\r\n$3\r\nGET\r\n$q\r\n",
           "[20 2 3:GET 1:k]!Protocol error: invalid bulk length"),
};

static void assert_transcript(const struct feed *f, const char *expected, size_t len)
{
    if (f->transcript.len != len && len < 1000) {
        print_message("expected %.*s\nparsed   %.*s\n", (int)len, expected, (int)f->transcript.len, f->transcript.data);
    }
    assert_int_equal(f->transcript.len, len);
    if (len > 0) assert_memory_equal(f->transcript.data, expected, len);
}

/* In pieces that end at a, b and the end. */
static void check_pieces(const struct sample *s, size_t a, size_t b, bool ignore_target)
{
    struct feed f;
    feed_init(&f, feed_limits(true));
    f.ignore_target = ignore_target;
    feed(&f, s->bytes, a);
    feed(&f, s->bytes + a, b - a);
    feed(&f, s->bytes + b, s->len - b);
    assert_transcript(&f, s->transcript, strlen(s->transcript));
    feed_deinit(&f);
}

static void parses_the_same_in_every_three_pieces(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
        for (size_t a = 0; a <= samples[i].len; a++) {
            for (size_t b = a; b <= samples[i].len; b++) check_pieces(&samples[i], a, b, false);
        }
    }
}

static void parses_the_same_byte_by_byte(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
        struct feed f;
        feed_init(&f, feed_limits(true));
        for (size_t k = 0; k < samples[i].len; k++) feed(&f, samples[i].bytes + k, 1);
        assert_transcript(&f, samples[i].transcript, strlen(samples[i].transcript));
        feed_deinit(&f);
    }
}

static void reads_nothing_behind_the_buffer(void **state)
{
    (void)state;
    char *end = feed_guarded_end(4096);
    for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
        for (size_t cut = 0; cut <= samples[i].len; cut++) {
            struct feed f;
            feed_init(&f, feed_limits(true));
            f.guarded_end = end;
            feed(&f, samples[i].bytes, cut);
            feed(&f, samples[i].bytes + cut, samples[i].len - cut);
            assert_transcript(&f, samples[i].transcript, strlen(samples[i].transcript));
            feed_deinit(&f);
        }
    }
    feed_free_guarded(end, 4096);
}

static void an_error_stays(void **state)
{
    (void)state;
    struct feed f;
    feed_init(&f, feed_limits(true));
    feed(&f, "*x\r\n", 4);
    assert_true(f.failed);
    size_t consumed = 9;
    assert_int_equal(resp_parse(&f.parser, &f.limits, &f.batch, "PING\r\n", 6, &consumed), RESP_ERROR);
    assert_int_equal(consumed, 0);
    assert_int_equal(f.batch.count, 0);
    assert_string_equal(f.parser.error, "Protocol error: invalid multibulk length");
    feed_deinit(&f);
}

/* --- batches --- */

static struct buf repeated(const char *text, size_t times)
{
    struct buf b = BUF_INIT;
    for (size_t i = 0; i < times; i++) buf_append(&b, text, strlen(text));
    return b;
}

static void check_full_batches(const char *command, size_t times, size_t expected_full)
{
    struct buf in = repeated(command, times);
    struct feed f;
    feed_init(&f, feed_limits(true));
    feed(&f, in.data, in.len);
    assert_int_equal(f.full_batches, expected_full);
    assert_int_equal(f.kept.len, 0);
    size_t commands = 0;
    for (size_t i = 0; i < f.transcript.len; i++) commands += f.transcript.data[i] == '[';
    assert_int_equal(commands, times);
    feed_deinit(&f);
    buf_deinit(&in);
}

static void a_full_batch_is_handed_out_and_the_rest_goes_on(void **state)
{
    (void)state;
    check_full_batches("*1\r\n$4\r\nPING\r\n", RESP_BATCH_COMMANDS - 1, 0);
    check_full_batches("*1\r\n$4\r\nPING\r\n", RESP_BATCH_COMMANDS, 0);
    check_full_batches("*1\r\n$4\r\nPING\r\n", RESP_BATCH_COMMANDS + 1, 1);
    check_full_batches("*2\r\n$3\r\nGET\r\n$3\r\nkey\r\n", 3 * RESP_BATCH_COMMANDS + 7, 3);
    check_full_batches("PING\r\n", 2 * RESP_BATCH_COMMANDS + 1, 2);
    check_full_batches("\r\n", 2 * RESP_BATCH_COMMANDS, 1);
}

static void arguments_stay_in_place_when_the_storage_of_a_batch_grows(void **state)
{
    (void)state;
    struct resp_parser p;
    struct resp_batch b;
    struct resp_limits limits = feed_limits(true);
    struct buf in = BUF_INIT;
    for (int i = 0; i < 100; i++) {
        buf_printf(&in, "*%d\r\n", i + 1);
        for (int k = 0; k <= i; k++) buf_printf(&in, "$4\r\n%04d\r\n", i * 100 + k);
    }
    resp_parser_init(&p);
    resp_batch_init(&b);
    size_t consumed;
    assert_int_equal(resp_parse(&p, &limits, &b, in.data, in.len, &consumed), RESP_MORE);
    assert_int_equal(consumed, in.len);
    assert_int_equal(b.count, 100);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(b.commands[i].argc, i + 1);
        for (int k = 0; k <= i; k++) {
            assert_int_equal(b.commands[i].argv[k].len, 4);
            char text[5] = {0};
            memcpy(text, b.commands[i].argv[k].ptr, 4);
            assert_int_equal(strtol(text, NULL, 10), i * 100 + k);
        }
    }
    resp_batch_deinit(&b);
    resp_parser_deinit(&p);
    buf_deinit(&in);
}

static void a_command_of_many_arguments_arrives_in_small_pieces(void **state)
{
    (void)state;
    enum { COUNT = 20000 };
    struct buf in = BUF_INIT;
    buf_printf(&in, "*%d\r\n", COUNT);
    for (int i = 0; i < COUNT; i++) buf_printf(&in, "$%d\r\n%d\r\n", snprintf(NULL, 0, "%d", i), i);
    buf_append(&in, "PING\r\n", 6);
    struct feed f;
    feed_init(&f, feed_limits(true));
    for (size_t at = 0; at < in.len; at += 1000) feed(&f, in.data + at, in.len - at < 1000 ? in.len - at : 1000);
    struct buf expected = BUF_INIT;
    buf_printf(&expected, "[%zu %d", in.len - 6, COUNT);
    for (int i = 0; i < COUNT; i++) buf_printf(&expected, " %d:%d", snprintf(NULL, 0, "%d", i), i);
    buf_printf(&expected, "][6 1 4:PING]");
    assert_transcript(&f, expected.data, expected.len);
    assert_false(resp_parser_is_partial(&f.parser));
    assert_int_equal(resp_parser_memory(&f.parser), 0);
    feed_deinit(&f);
    buf_deinit(&in);
    buf_deinit(&expected);
}

/* --- limits --- */

static void check_error(bool authenticated, const struct buf *in, const char *transcript)
{
    for (size_t piece = 1; piece <= in->len; piece = piece * 7 + 1000) {
        struct feed f;
        feed_init(&f, feed_limits(authenticated));
        for (size_t at = 0; at < in->len; at += piece)
            feed(&f, in->data + at, in->len - at < piece ? in->len - at : piece);
        assert_transcript(&f, transcript, strlen(transcript));
        feed_deinit(&f);
        if (piece == 1 && in->len > 4096) piece = 4096; /* byte by byte is for short ones */
    }
}

static void check_text(bool authenticated, const char *text, const char *transcript)
{
    struct buf in = BUF_INIT;
    buf_append(&in, text, strlen(text));
    check_error(authenticated, &in, transcript);
    buf_deinit(&in);
}

/* The head, then `times` times c, then the tail. */
static void check_long_line(const char *head, char c, size_t times, const char *tail, const char *transcript)
{
    struct buf in = BUF_INIT;
    buf_append(&in, head, strlen(head));
    memset(buf_reserve(&in, times), c, times);
    in.len += times;
    buf_append(&in, tail, strlen(tail));
    struct feed f;
    for (size_t piece = in.len; piece > 1000; piece /= 3) {
        feed_init(&f, feed_limits(true));
        for (size_t at = 0; at < in.len; at += piece) feed(&f, in.data + at, in.len - at < piece ? in.len - at : piece);
        assert_transcript(&f, transcript, strlen(transcript));
        feed_deinit(&f);
    }
    buf_deinit(&in);
}

static void lines_without_end_are_refused_past_64_kib(void **state)
{
    (void)state;
    check_long_line("*", '1', RESP_INLINE_MAX - 1, "", "");
    check_long_line("*", '1', RESP_INLINE_MAX, "", "!Protocol error: too big mbulk count string");
    check_long_line("*", '1', RESP_INLINE_MAX - 1, "\r\n", "!Protocol error: invalid multibulk length");
    check_long_line("*", '1', RESP_INLINE_MAX, "\r\n", "!Protocol error: too big mbulk count string");
    check_long_line("*1\r\n$", '1', RESP_INLINE_MAX - 1, "", "");
    check_long_line("*1\r\n$", '1', RESP_INLINE_MAX, "", "!Protocol error: too big bulk count string");
    check_long_line("*1\r\n$", '1', RESP_INLINE_MAX, "\r\n", "!Protocol error: too big bulk count string");
    check_long_line("", 'a', RESP_INLINE_MAX, "", "");
    check_long_line("", 'a', RESP_INLINE_MAX + 1, "", "!Protocol error: too big inline request");
    check_long_line("", 'a', RESP_INLINE_MAX + 1, "\r\n", "!Protocol error: too big inline request");
    check_long_line("", ' ', RESP_INLINE_MAX, "\n", "[65537 0]");
}

static void strangers_have_tighter_limits(void **state)
{
    (void)state;
    check_text(false, "*10\r\n", "");
    check_text(false, "*11\r\n", "!Protocol error: unauthenticated multibulk length");
    check_text(false, "*2147483648\r\n", "!Protocol error: invalid multibulk length");
    check_text(false, "*1\r\n$16384\r\n", "");
    check_text(false, "*1\r\n$16385\r\n", "!Protocol error: unauthenticated bulk length");
    check_text(false, "*1\r\n$536870913\r\n", "!Protocol error: invalid bulk length");
    check_text(false, "*2\r\n$4\r\nAUTH\r\n$2\r\npw\r\n*11\r\n",
               "[22 2 4:AUTH 2:pw]!Protocol error: unauthenticated multibulk length");
    check_text(true, "*1\r\n$536870912\r\n", "");
}

static void the_limits_are_asked_again_behind_each_command_of_a_stranger(void **state)
{
    (void)state;
    const char in[] = "*2\r\n$4\r\nAUTH\r\n$2\r\npw\r\n*1\r\n$16385\r\n";
    struct resp_parser p;
    struct resp_batch b;
    resp_parser_init(&p);
    resp_batch_init(&b);
    struct resp_limits limits = feed_limits(false);
    size_t consumed;
    assert_int_equal(resp_parse(&p, &limits, &b, in, sizeof(in) - 1, &consumed), RESP_FULL);
    assert_int_equal(consumed, 22);
    assert_int_equal(b.count, 1);
    resp_batch_clear(&b);
    limits.authenticated = true;
    assert_int_equal(resp_parse(&p, &limits, &b, in + 22, sizeof(in) - 1 - 22, &consumed), RESP_MORE);
    assert_int_equal(b.count, 0);
    assert_true(resp_parser_is_partial(&p));
    resp_batch_deinit(&b);
    resp_parser_deinit(&p);
}

static void configured_limits_hold_in_both_ways_of_parsing(void **state)
{
    (void)state;
    const char in[] = "*2\r\n$4\r\nECHO\r\n$11\r\n01234567890\r\n";
    for (size_t cut = 0; cut < sizeof(in); cut++) {
        struct feed f;
        struct resp_limits limits = feed_limits(true);
        limits.max_bulk_bytes = 10;
        feed_init(&f, limits);
        feed(&f, in, cut);
        feed(&f, in + cut, sizeof(in) - 1 - cut);
        assert_transcript(&f, "!Protocol error: invalid bulk length", 36);
        feed_deinit(&f);
        limits = feed_limits(true);
        limits.max_multibulk = 1;
        feed_init(&f, limits);
        feed(&f, in, cut);
        feed(&f, in + cut, sizeof(in) - 1 - cut);
        assert_transcript(&f, "!Protocol error: invalid multibulk length", 41);
        feed_deinit(&f);
    }
}

static void announced_counts_and_lengths_hold_no_memory(void **state)
{
    (void)state;
    struct feed f;
    feed_init(&f, feed_limits(true));
    feed(&f, "*1000000000\r\n$3\r\nSET\r\n$1\r\n", 26);
    assert_in_range(resp_parser_memory(&f.parser), 1, 4096);
    assert_in_range(f.batch.args.cap, 0, 4096);
    feed_deinit(&f);
    feed_init(&f, feed_limits(true));
    feed(&f, "*1\r\n$536870912\r\nabc", 19);
    assert_in_range(resp_parser_memory(&f.parser), 1, 18 * 1024 * 1024);
    char *to;
    size_t room;
    assert_true(resp_parser_target(&f.parser, &to, &room));
    assert_in_range(room, 1, 18 * 1024 * 1024);
    feed_deinit(&f);
}

/* --- big bulks --- */

static void append_bulk(struct buf *b, size_t len, char c)
{
    buf_printf(b, "$%zu\r\n", len);
    char *to = buf_reserve(b, len + 2);
    for (size_t i = 0; i < len; i++) to[i] = (char)(c + (char)(i % 23));
    to[len] = '\r';
    to[len + 1] = '\n';
    b->len += len + 2;
}

/* Two big ones with small ones around, and more commands behind. */
static struct buf big_commands(void)
{
    struct buf in = BUF_INIT;
    buf_printf(&in, "*1\r\n$4\r\nPING\r\n*6\r\n$4\r\nMSET\r\n$2\r\nk1\r\n");
    append_bulk(&in, RESP_BIG_BULK, 'A');
    buf_printf(&in, "$5\r\nsmall\r\n$0\r\n\r\n");
    append_bulk(&in, RESP_BIG_BULK + 9, 'B');
    buf_printf(&in, "*2\r\n$3\r\nGET\r\n$2\r\nk1\r\nPING\r\n*2\r\n$4\r\nECHO\r\n");
    append_bulk(&in, RESP_BIG_BULK - 1, 'C');
    return in;
}

static void check_big(const struct buf *in, const struct buf *expected, size_t a, size_t b, bool ignore_target)
{
    struct feed f;
    feed_init(&f, feed_limits(true));
    f.ignore_target = ignore_target;
    feed(&f, in->data, a);
    feed(&f, in->data + a, b - a);
    feed(&f, in->data + b, in->len - b);
    assert_transcript(&f, expected->data, expected->len);
    assert_false(resp_parser_is_partial(&f.parser));
    assert_int_equal(resp_parser_memory(&f.parser), 0);
    feed_deinit(&f);
}

static struct buf transcript_of(const struct buf *in)
{
    struct feed f;
    feed_init(&f, feed_limits(true));
    feed(&f, in->data, in->len);
    assert_false(f.failed);
    assert_int_equal(f.big_arguments, 0); /* all there: slices */
    struct buf b = f.transcript;
    f.transcript = BUF_INIT;
    feed_deinit(&f);
    return b;
}

static void big_bulks_parse_the_same_at_every_cut(void **state)
{
    (void)state;
    struct buf in = big_commands(), expected = transcript_of(&in);
    /* Every cut near an edge of a bulk, and some within. */
    for (size_t a = 0; a <= in.len; a += (a % RESP_BIG_BULK < 200 || in.len - a < 200) ? 1 : 61) {
        check_big(&in, &expected, a, in.len, false);
        check_big(&in, &expected, a, in.len, true);
        check_big(&in, &expected, a, a + 1 < in.len ? a + 1 : in.len, false);
        check_big(&in, &expected, a / 2, a, false);
    }
    buf_deinit(&in);
    buf_deinit(&expected);
}

static void one_big_bulk_parses_the_same_at_really_every_cut(void **state)
{
    (void)state;
    struct buf in = BUF_INIT;
    buf_printf(&in, "*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n");
    append_bulk(&in, RESP_BIG_BULK, 'a');
    buf_printf(&in, "PING\r\n");
    struct buf expected = transcript_of(&in);
    for (size_t a = 0; a <= in.len; a++) check_big(&in, &expected, a, in.len, false);
    buf_deinit(&in);
    buf_deinit(&expected);
}

static void a_big_bulk_moves_into_a_blob_without_the_kept_bytes(void **state)
{
    (void)state;
    struct buf in = BUF_INIT;
    buf_printf(&in, "*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n");
    append_bulk(&in, 100000, 'a');
    struct resp_parser p;
    struct resp_batch b;
    struct resp_limits limits = feed_limits(true);
    resp_parser_init(&p);
    resp_batch_init(&b);
    size_t consumed;
    char first[1000];
    memcpy(first, in.data, sizeof(first));
    assert_int_equal(resp_parse(&p, &limits, &b, first, sizeof(first), &consumed), RESP_MORE);
    assert_int_equal(consumed, sizeof(first));
    memset(first, 0, sizeof(first)); /* the parser must not need it any more */
    char *to;
    size_t room;
    assert_true(resp_parser_target(&p, &to, &room));
    assert_int_equal(room, in.len - sizeof(first));
    memcpy(to, in.data + sizeof(first), room);
    resp_parser_filled(&p, room);
    assert_false(resp_parser_target(&p, &to, &room));
    assert_true(resp_parser_is_partial(&p));
    assert_int_equal(resp_parse(&p, &limits, &b, NULL, 0, &consumed), RESP_MORE);
    assert_int_equal(consumed, 0);
    assert_int_equal(b.count, 1);
    assert_int_equal(b.commands[0].wire_bytes, in.len);
    struct arg *argv = b.commands[0].argv;
    assert_int_equal(argv[1].len, 3);
    assert_memory_equal(argv[1].ptr, "key", 3);
    assert_non_null(argv[2].blob);
    assert_int_equal(argv[2].blob->len, 100000);
    assert_memory_equal(argv[2].blob->data, in.data + 31, 100000); /* behind "...key\r\n$100000\r\n" */
    struct blob *taken = argv[2].blob;
    argv[2].blob = NULL;
    resp_batch_deinit(&b);
    assert_int_equal(taken->data[99999], in.data[in.len - 3]);
    blob_free(taken);
    resp_parser_deinit(&p);
    buf_deinit(&in);
}

static void a_huge_bulk_grows_as_it_arrives(void **state)
{
    (void)state;
    enum { LEN = 40 * 1024 * 1024, PIECE = 1000 * 1000 };
    struct feed f;
    feed_init(&f, feed_limits(true));
    char head[64];
    int n = snprintf(head, sizeof(head), "*2\r\n$4\r\nECHO\r\n$%d\r\n", LEN);
    feed(&f, head, (size_t)n);
    size_t given = 0;
    char *to;
    size_t room;
    while (resp_parser_target(&f.parser, &to, &room)) {
        assert_in_range(resp_parser_memory(&f.parser), 1, given < 8000000 ? 18u << 20 : given * 5 / 2 + (18u << 20));
        size_t now = room < PIECE ? room : PIECE;
        for (size_t i = 0; i < now; i += 997) to[i] = (char)((given + i) % 251);
        resp_parser_filled(&f.parser, now);
        given += now;
    }
    assert_int_equal(given, LEN + 2);
    size_t consumed;
    assert_int_equal(resp_parse(&f.parser, &f.limits, &f.batch, NULL, 0, &consumed), RESP_MORE);
    assert_int_equal(f.batch.count, 1);
    assert_int_equal(f.batch.commands[0].argv[1].len, LEN);
    assert_int_equal(f.batch.commands[0].argv[1].ptr[0], 0);
    feed_deinit(&f);
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(MEM_PLAIN_MALLOC)
#define CAN_LIMIT_MEMORY 1
#else
#define CAN_LIMIT_MEMORY 0 /* the sanitizer needs its own */
#endif

/* In a child that gets no more memory from the system: 0 when a big bulk is refused, at once or as it grows. */
static int refusal_in_child(void)
{
    struct feed f;
    feed_init(&f, feed_limits(true));
    const char in[] = "PING\r\n*2\r\n$4\r\nECHO\r\n$536870912\r\nabc";
    const char expected[] = "[6 1 4:PING]!Protocol error: not enough memory for the request";
    buf_reserve(&f.transcript, 1000);
    const struct rlimit none = {0, 0};
    if (setrlimit(RLIMIT_AS, &none) < 0) return 1;
    feed(&f, in, sizeof(in) - 1);
    char *to;
    size_t room;
    while (resp_parser_target(&f.parser, &to, &room)) resp_parser_filled(&f.parser, room);
    if (!f.failed) feed_parse(&f, NULL, 0);
    if (!f.failed || f.transcript.len != sizeof(expected) - 1) return 2;
    if (memcmp(f.transcript.data, expected, f.transcript.len) != 0) return 3;
    return resp_parser_memory(&f.parser) == 0 ? 0 : 4;
}

static void refused_memory_is_an_error_of_the_request(void **state)
{
    (void)state;
    if (!CAN_LIMIT_MEMORY) skip();
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) _exit(refusal_in_child());
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void a_connection_may_end_anywhere(void **state)
{
    (void)state;
    struct buf in = big_commands();
    for (size_t cut = 0; cut < in.len; cut += 331) {
        struct feed f;
        feed_init(&f, feed_limits(true));
        feed(&f, in.data, cut);
        feed_deinit(&f); /* the leak checker looks */
    }
    buf_deinit(&in);
}

static void random_bytes_parse_the_same_in_random_pieces(void **state)
{
    (void)state;
    static const char *const parts[] = {"*",      "$",      "\r\n", "1",           "2",
                                        "3",      "0",      "-1",   "PING",        "a",
                                        "\n",     " ",      "\"",   "$1\r\na\r\n", "*1\r\n$4\r\nPING\r\n",
                                        "*2\r\n", "$4\r\n", "10",   "\r",          "x\\"};
    srand(7);
    for (int round = 0; round < 20000; round++) {
        struct buf in = BUF_INIT;
        for (int i = rand() % 24; i >= 0; i--) {
            const char *part = parts[(size_t)rand() % (sizeof(parts) / sizeof(parts[0]))];
            buf_append(&in, part, strlen(part));
        }
        struct feed whole, cut;
        feed_init(&whole, feed_limits(true));
        feed_init(&cut, feed_limits(true));
        feed(&whole, in.data, in.len);
        for (size_t at = 0, n; at < in.len; at += n) {
            n = 1 + (size_t)rand() % 9;
            if (n > in.len - at) n = in.len - at;
            feed(&cut, in.data + at, n);
        }
        assert_transcript(&cut, whole.transcript.data, whole.transcript.len);
        assert_int_equal(resp_parser_is_partial(&cut.parser), resp_parser_is_partial(&whole.parser));
        feed_deinit(&whole);
        feed_deinit(&cut);
        buf_deinit(&in);
    }
}

int main(void)
{
    mem_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parses_the_same_in_every_three_pieces),
        cmocka_unit_test(parses_the_same_byte_by_byte),
        cmocka_unit_test(reads_nothing_behind_the_buffer),
        cmocka_unit_test(an_error_stays),
        cmocka_unit_test(a_full_batch_is_handed_out_and_the_rest_goes_on),
        cmocka_unit_test(arguments_stay_in_place_when_the_storage_of_a_batch_grows),
        cmocka_unit_test(a_command_of_many_arguments_arrives_in_small_pieces),
        cmocka_unit_test(lines_without_end_are_refused_past_64_kib),
        cmocka_unit_test(strangers_have_tighter_limits),
        cmocka_unit_test(the_limits_are_asked_again_behind_each_command_of_a_stranger),
        cmocka_unit_test(configured_limits_hold_in_both_ways_of_parsing),
        cmocka_unit_test(announced_counts_and_lengths_hold_no_memory),
        cmocka_unit_test(big_bulks_parse_the_same_at_every_cut),
        cmocka_unit_test(one_big_bulk_parses_the_same_at_really_every_cut),
        cmocka_unit_test(a_big_bulk_moves_into_a_blob_without_the_kept_bytes),
        cmocka_unit_test(a_huge_bulk_grows_as_it_arrives),
        cmocka_unit_test(refused_memory_is_an_error_of_the_request),
        cmocka_unit_test(a_connection_may_end_anywhere),
        cmocka_unit_test(random_bytes_parse_the_same_in_random_pieces),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
