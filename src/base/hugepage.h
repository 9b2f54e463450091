/* SPDX-License-Identifier: MIT */
/*
 * Transparent huge pages: they make fork() of a large process some thirty times shorter. A
 * copy-on-write fault while a child lives splits a huge mapping into 4 KiB pages; after the child is gone
 * the split ranges are made whole again (MADV_COLLAPSE, Linux 6.1), a few at a time.
 */
#ifndef BASE_HUGEPAGE_H
#define BASE_HUGEPAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum hugepage_mode { HUGEPAGE_UNKNOWN, HUGEPAGE_ALWAYS, HUGEPAGE_MADVISE, HUGEPAGE_NEVER };

/* What /sys/kernel/mm/transparent_hugepage/enabled says. */
enum hugepage_mode hugepage_system_mode(void);
/* Whether MADV_COLLAPSE works on this kernel (tried once on a mapping of its own). */
bool hugepage_can_collapse(void);
/* AnonHugePages of this process, in bytes; 0 when unknown. The kernel walks the page table for it: for
 * INFO, not for a loop. */
size_t hugepage_resident_bytes(void);

/* A walk over this process's private anonymous writable mappings, in 2 MiB steps. */
struct hugepage_repair;
struct hugepage_repair *hugepage_repair_start(void);
/* Collapses split ranges that are nearly fully resident until `budget_us` is spent, at least one (some 0.2
 * ms). Returns false when the walk is complete, or the system has no huge pages to give, or the caller is
 * a forked child. */
bool hugepage_repair_step(struct hugepage_repair *r, int64_t budget_us);
/* Does the rest of the walk in a thread of its own: collapsing a range takes up to a millisecond, which a server must not wait for. Until
 * is_done says true nothing else but free may be called, which ends the thread within one range. False: there is no thread to be had. */
bool hugepage_repair_run(struct hugepage_repair *r);
bool hugepage_repair_is_done(const struct hugepage_repair *r);
size_t hugepage_repair_collapsed(const struct hugepage_repair *r); /* ranges made whole so far */
void hugepage_repair_free(struct hugepage_repair *r);              /* NULL is fine */

#endif
