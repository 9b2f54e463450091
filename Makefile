# SPDX-License-Identifier: MIT
#
# Keepsake. `make help` lists the targets. Everything that is built goes to build/<mode>/; the modes are
#   release   -O2 -g, jemalloc
#   asan      AddressSanitizer and UndefinedBehaviorSanitizer, plain malloc
#   fuzz      the same with libFuzzer, clang
# A layer is a static library of src/<layer>/*.c. A unit test links its own layer and those to the left of it, so
# that a dependency in the wrong direction fails to link.

MODE ?= release
ifeq ($(MODE),fuzz)
CC = clang
endif
ifeq ($(origin CC),default)
CC = gcc
endif
AR ?= ar
PKG_CONFIG ?= pkg-config
CLANG_FORMAT ?= clang-format
PREFIX ?= /usr/local
DESTDIR ?=
OPT ?= -O2
LTO ?= 0
WERROR ?= 0
FUZZ_S ?= 60
# A test program that takes longer than this many seconds has failed.
TEST_TIMEOUT_S ?= 300

# Elsewhere than build/ for a build beside another one.
BUILD ?= build
B := $(BUILD)/$(MODE)

# ---------------------------------------------------------------- flags

pkg_cflags = $(shell $(PKG_CONFIG) --cflags $(1) 2>/dev/null)
pkg_libs = $(shell $(PKG_CONFIG) --libs $(1) 2>/dev/null)

LIBRARIES := liblzf libisal libcrypto
ifeq ($(filter asan fuzz,$(MODE)),)
LIBRARIES += jemalloc
endif
TEST_LIBRARIES := cmocka hiredis libcjson

SANITIZE := -fsanitize=address,undefined -fno-sanitize-recover=all
WARNINGS := -Wall -Wextra
ifeq ($(WERROR),1)
WARNINGS += -Werror
endif

MODE_CFLAGS_asan := -O1 -g -fno-omit-frame-pointer $(SANITIZE) -DMEM_PLAIN_MALLOC
MODE_LDFLAGS_asan := $(SANITIZE)
MODE_CFLAGS_fuzz := -O1 -g -fno-omit-frame-pointer -fsanitize=fuzzer-no-link $(SANITIZE) -DMEM_PLAIN_MALLOC
MODE_LDFLAGS_fuzz := $(SANITIZE)
MODE_CFLAGS := $(or $(MODE_CFLAGS_$(MODE)),$(OPT) -g)
MODE_LDFLAGS := $(MODE_LDFLAGS_$(MODE))
ifeq ($(LTO),1)
MODE_CFLAGS += -flto$(if $(findstring clang,$(CC)),,=auto)
MODE_LDFLAGS += -flto$(if $(findstring clang,$(CC)),,=auto) $(OPT)
AR := $(if $(findstring clang,$(CC)),llvm-ar,gcc-ar)
endif

BASE_CFLAGS := -std=gnu11 -D_GNU_SOURCE -Isrc $(WARNINGS) $(MODE_CFLAGS) -pthread
LIB_CFLAGS := $(call pkg_cflags,$(LIBRARIES))
# One at a time: a missing library must not take the flags of the others away.
TEST_CFLAGS := $(foreach l,$(TEST_LIBRARIES),$(call pkg_cflags,$(l))) -DKEEPSAKE_BUILD_DIR='"$(B)"' -I.
LIBS := $(foreach l,$(LIBRARIES),$(call pkg_libs,$(l))) -lm
TEST_LIBS := $(foreach l,$(TEST_LIBRARIES),$(call pkg_libs,$(l)))
ALL_LDFLAGS := $(MODE_LDFLAGS) -pthread -rdynamic $(LDFLAGS)
COMPILE = $(CC) $(BASE_CFLAGS) $(LIB_CFLAGS) $(CFLAGS) -MMD -MP

# ---------------------------------------------------------------- layers

LAYERS := base ds store resp net rdb server commands

# What a layer may use, the layer itself first: the order of linking.
LINK_base := base
LINK_ds := ds base
LINK_store := store ds base
LINK_resp := resp ds base
LINK_net := net ds base
LINK_rdb := rdb store ds base
LINK_server := server rdb net resp store ds base
LINK_commands := commands server rdb net resp store ds base
layer_libs = $(foreach l,$(LINK_$(1)),$(B)/lib$(l).a)
ALL_LIBS := $(call layer_libs,commands)

SERVER := $(if $(wildcard src/main.c),$(B)/keepsake-server)

# ---------------------------------------------------------------- tests

UNIT_SOURCES := $(wildcard $(foreach l,$(LAYERS),tests/unit/$(l)/test_*.c))
UNIT_TESTS := $(UNIT_SOURCES:%.c=$(B)/%)
# What integration, compat, fault and bench programs share: child processes, the wire.
SUPPORT_SOURCES := $(wildcard tests/support/*.c)
SUPPORT := $(SUPPORT_SOURCES:%.c=$(B)/%.o)
INTEGRATION_SOURCES := $(wildcard tests/integration/test_*.c)
INTEGRATION_TESTS := $(INTEGRATION_SOURCES:%.c=$(B)/%)
INTEGRATION_HELPERS := $(filter-out $(INTEGRATION_SOURCES),$(wildcard tests/integration/*.c))
COMPAT_SOURCES := $(wildcard tests/compat/*.c)
COMPAT_TESTS := $(if $(COMPAT_SOURCES),$(B)/tests/compat/compat)
# tests/fault: test_*.c are programs, shim_*.c are libraries to preload, the others are linked to every program.
FAULT_SOURCES := $(wildcard tests/fault/test_*.c)
FAULT_TESTS := $(FAULT_SOURCES:%.c=$(B)/%)
FAULT_SHIM_SOURCES := $(wildcard tests/fault/shim_*.c)
FAULT_SHIMS := $(FAULT_SHIM_SOURCES:%.c=$(B)/%.so)
FAULT_HELPERS := $(filter-out $(FAULT_SOURCES) $(FAULT_SHIM_SOURCES),$(wildcard tests/fault/*.c))
BENCH_SOURCES := $(wildcard tests/bench/*.c)
BENCH_PROGRAMS := $(BENCH_SOURCES:%.c=$(B)/%)
FUZZ_SOURCES := $(wildcard tests/fuzz/fuzz_*.c)
FUZZ_PROGRAMS := $(FUZZ_SOURCES:%.c=$(B)/%)

RUN_TESTS = TEST_TIMEOUT_S=$(TEST_TIMEOUT_S) KEEPSAKE_BUILD_DIR=$(B) tests/run.sh

# ---------------------------------------------------------------- targets

.PHONY: all run help test test-unit test-integration test-compat test-fault unit asan lint format fuzz fuzz-programs bench \
        install uninstall clean objects tests FORCE
.DELETE_ON_ERROR:
.SUFFIXES:
# Objects of tests are wanted again by the next make.
.SECONDARY:

all: $(LAYERS:%=$(B)/lib%.a) $(if $(SERVER),$(SERVER) $(B)/redis-server)

help:
	@echo 'make            build $(B)/keepsake-server (MODE=release or asan)'
	@echo 'make run        build and start on 127.0.0.1:6379 with ./redis.conf'
	@echo 'make test       unit, integration, compat and fault tests; also test-unit, test-integration, test-compat, test-fault'
	@echo 'make unit MODULE=base/num    one unit test'
	@echo 'make asan       all tests under AddressSanitizer and UndefinedBehaviorSanitizer'
	@echo 'make lint       the style as a test: arrows, headers, format, static analysis, function lengths'
	@echo 'make format     apply clang-format to the sources'
	@echo 'make fuzz       every fuzzer for FUZZ_S seconds (now $(FUZZ_S))'
	@echo 'make bench      compare with the redis-server of the distribution'
	@echo 'make install    into $(PREFIX) (PREFIX, DESTDIR); make uninstall'
	@echo 'Options: CC=clang, WERROR=1, LTO=1, OPT=-O3'

# The first thing a new user does: on all cores.
run:
	@$(MAKE) --no-print-directory -j$$(nproc) all
	$(B)/keepsake-server ./redis.conf

tests: $(UNIT_TESTS) $(INTEGRATION_TESTS) $(COMPAT_TESTS) $(FAULT_TESTS) $(FAULT_SHIMS)

test: all tests
	$(RUN_TESTS) $(UNIT_TESTS) $(INTEGRATION_TESTS) $(COMPAT_TESTS) $(FAULT_TESTS)

test-unit: $(UNIT_TESTS)
	$(RUN_TESTS) $(UNIT_TESTS)

test-integration: all $(INTEGRATION_TESTS)
	$(RUN_TESTS) $(INTEGRATION_TESTS)

test-compat: all $(COMPAT_TESTS)
	$(RUN_TESTS) $(COMPAT_TESTS)

test-fault: all $(FAULT_TESTS) $(FAULT_SHIMS)
	$(RUN_TESTS) $(FAULT_TESTS)

unit: $(B)/tests/unit/$(dir $(MODULE))test_$(notdir $(MODULE))
	timeout $(TEST_TIMEOUT_S) $<

asan:
	$(MAKE) MODE=asan test

lint:
	tests/lint/run.sh

format:
	$(CLANG_FORMAT) -i $$(find src tests -name '*.[ch]')

fuzz:
	$(MAKE) MODE=fuzz fuzz-programs
	FUZZ_S=$(FUZZ_S) BUILD=$(BUILD) tests/fuzz/run.sh $(FUZZ_SOURCES:%.c=$(BUILD)/fuzz/%)

fuzz-programs: $(FUZZ_PROGRAMS)

bench: all $(BENCH_PROGRAMS)
	tests/bench/run.sh

# Every object of the tree, nothing linked: for the compilers' opinions.
objects: $(patsubst %.c,$(B)/%.o,$(wildcard src/*.c src/*/*.c) $(UNIT_SOURCES) $(SUPPORT_SOURCES) $(INTEGRATION_SOURCES) $(INTEGRATION_HELPERS) \
           $(COMPAT_SOURCES) $(FAULT_SOURCES) $(FAULT_SHIM_SOURCES) $(FAULT_HELPERS) $(BENCH_SOURCES) $(FUZZ_SOURCES))

install: all
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/share/keepsake
	install -m 755 $(SERVER) $(DESTDIR)$(PREFIX)/bin/keepsake-server
	ln -sf keepsake-server $(DESTDIR)$(PREFIX)/bin/redis-server
	install -m 644 redis.conf README.md LICENSE $(DESTDIR)$(PREFIX)/share/keepsake

uninstall:
	rm -f $(DESTDIR)$(PREFIX)/bin/keepsake-server
	if [ "$$(readlink $(DESTDIR)$(PREFIX)/bin/redis-server)" = keepsake-server ]; then rm -f $(DESTDIR)$(PREFIX)/bin/redis-server; fi
	rm -rf $(DESTDIR)$(PREFIX)/share/keepsake

clean:
	rm -rf $(BUILD)

# ---------------------------------------------------------------- rules

# Rewritten only when the compiler or a flag changes: then everything is stale.
$(B)/flags: FORCE
	@mkdir -p $(@D)
	@echo '$(subst ','\'',$(COMPILE) $(TEST_CFLAGS) $(ALL_LDFLAGS) $(LIBS) $(TEST_LIBS))' | cmp -s - $@ || \
	  echo '$(subst ','\'',$(COMPILE) $(TEST_CFLAGS) $(ALL_LDFLAGS) $(LIBS) $(TEST_LIBS))' > $@

$(B)/src/%.o: src/%.c $(B)/flags
	@mkdir -p $(@D)
	$(COMPILE) -c -o $@ $<

$(B)/tests/%.o: tests/%.c $(B)/flags
	@mkdir -p $(@D)
	$(COMPILE) $(TEST_CFLAGS) -c -o $@ $<

# The list of objects is a prerequisite too: a source that is gone takes its object out of the library.
define layer_rules
OBJECTS_$(1) := $$(patsubst %.c,$$(B)/%.o,$$(wildcard src/$(1)/*.c))
$$(B)/lib$(1).objects: FORCE
	@mkdir -p $$(@D)
	@echo '$$(OBJECTS_$(1))' | cmp -s - $$@ || echo '$$(OBJECTS_$(1))' > $$@
$$(B)/lib$(1).a: $$(OBJECTS_$(1)) $$(B)/lib$(1).objects
	@rm -f $$@
	$$(AR) rcs $$@ $$(OBJECTS_$(1))
$$(B)/tests/unit/$(1)/test_%: $$(B)/tests/unit/$(1)/test_%.o $$(call layer_libs,$(1))
	$$(CC) $$(ALL_LDFLAGS) -o $$@ $$^ $$(LIBS) $$(TEST_LIBS)
endef
$(foreach l,$(LAYERS),$(eval $(call layer_rules,$(l))))

$(B)/keepsake-server: $(B)/src/main.o $(ALL_LIBS)
	$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)

$(B)/redis-server: $(B)/keepsake-server
	ln -sf keepsake-server $@

$(B)/tests/integration/test_%: $(B)/tests/integration/test_%.o $(INTEGRATION_HELPERS:%.c=$(B)/%.o) $(SUPPORT) $(ALL_LIBS)
	$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS) $(TEST_LIBS)

$(B)/tests/compat/compat: $(COMPAT_SOURCES:%.c=$(B)/%.o) $(SUPPORT) $(ALL_LIBS)
	$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS) $(TEST_LIBS)

$(B)/tests/fault/test_%: $(B)/tests/fault/test_%.o $(FAULT_HELPERS:%.c=$(B)/%.o) $(INTEGRATION_HELPERS:%.c=$(B)/%.o) $(SUPPORT) $(ALL_LIBS)
	$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS) $(TEST_LIBS)

$(B)/tests/fault/shim_%.so: tests/fault/shim_%.c $(B)/flags
	@mkdir -p $(@D)
	$(CC) -std=gnu11 -D_GNU_SOURCE -Isrc $(WARNINGS) -O1 -g -fPIC -shared -o $@ $< -ldl

$(B)/tests/fuzz/fuzz_%: $(B)/tests/fuzz/fuzz_%.o $(ALL_LIBS)
	$(CC) -fsanitize=fuzzer $(ALL_LDFLAGS) -o $@ $^ $(LIBS)

$(B)/tests/bench/%: $(B)/tests/bench/%.o $(SUPPORT) $(ALL_LIBS)
	$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS) $(TEST_LIBS)

-include $(shell find $(B) -name '*.d' 2>/dev/null)
