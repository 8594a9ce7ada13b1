# viseme: `make demo` and `make test` install what is missing, build and run. See README.md.
MAKEFLAGS += --no-builtin-rules
.DEFAULT_GOAL := all

# ---- options: make FFMPEG=0 BLAS=0 CC=clang SAN=address WERROR=1 --------------------------------
FFMPEG ?= 1
BLAS   ?= 1
SAN    ?=
WERROR ?= 0
ifeq ($(origin CC),default)
CC := gcc
endif
PYTHON ?= /usr/bin/python3
PREFIX ?= /usr/local
DESTDIR ?=

variant := $(if $(filter 0,$(FFMPEG)),-noffmpeg)$(if $(filter 0,$(BLAS)),-noblas)$(if $(SAN),-$(firstword $(subst $(comma), ,$(SAN))))$(if $(findstring clang,$(CC)),-clang)
comma := ,
BUILD ?= build$(variant)

VERSION := $(shell sed -n 's/^.define VISEME_VERSION_\(MAJOR\|MINOR\|PATCH\) //p' include/viseme.h | paste -sd.)
COMMIT  := $(shell git describe --always --dirty 2>/dev/null || echo unknown)

pkg = $(shell pkg-config $(1) 2>/dev/null)
LIB_PKGS := jansson expat zlib
IO_PKGS  := libpng jansson
ifneq ($(FFMPEG),0)
IO_PKGS += libavformat libavcodec libavutil libswscale libswresample
endif

WARN := -Wall -Wextra -Wshadow -Wundef -Wstrict-prototypes -Wmissing-prototypes -Wvla -Werror=vla \
        -Wpointer-arith -Wwrite-strings $(if $(filter 1,$(WERROR)),-Werror)
OPT  ?= -O3
CPPFLAGS += -I. -Iinclude -D_GNU_SOURCE -DVIS_FFMPEG=$(FFMPEG) -DVIS_BLAS=$(BLAS)
CFLAGS_ALL := -std=c11 $(OPT) -g -fno-math-errno -fno-trapping-math -ffp-contract=off \
        -fvisibility=hidden -fPIC $(WARN) $(if $(SAN),-fsanitize=$(SAN) -fno-omit-frame-pointer -fno-sanitize-recover=all) $(CFLAGS)
LIB_LIBS := $(call pkg,--libs $(LIB_PKGS)) $(if $(filter-out 0,$(BLAS)),-lopenblas) -lm -pthread
IO_LIBS  := $(call pkg,--libs $(IO_PKGS))
LDFLAGS_ALL := $(if $(SAN),-fsanitize=$(SAN)) $(LDFLAGS)

# ---- what is built from what -------------------------------------------------------------------
LIB_SRC := $(sort $(wildcard base/*.c kernels/*.c kernels/c/*.c kernels/x86/*.c engine/*.c nets/*.c signal/*.c tasks/*.c))
IO_SRC  := $(sort $(filter-out $(if $(filter 0,$(FFMPEG)),io/ffmpeg%.c),$(wildcard io/*.c)))
CLI_SRC := $(sort $(wildcard cli/*.c))
obj = $(patsubst %.c,$(BUILD)/obj/%.o,$(1))

# Each ISA file names its own flags, and only those files get them.
AVX2_FLAGS   := -mavx2 -mfma
AVX512_FLAGS := -mavx512f -mavx512bw -mavx512dq -mavx512vl -mavx2 -mfma
$(BUILD)/obj/kernels/x86/%_avx2.o:   ISA := $(AVX2_FLAGS)
$(BUILD)/obj/kernels/x86/%_avx512.o: ISA := $(AVX512_FLAGS)

.PHONY: all
all: $(BUILD)/viseme $(BUILD)/libviseme.a $(BUILD)/libviseme.so

$(BUILD)/obj/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS_ALL) $(ISA) -MMD -MP -c -o $@ $<
$(BUILD)/obj/cli/version.o: CPPFLAGS += -DVIS_COMMIT='"$(COMMIT)"'

$(BUILD)/libviseme.a: $(call obj,$(LIB_SRC))
	@rm -f $@
	ar rcs $@ $^
$(BUILD)/libviseme.so: $(call obj,$(LIB_SRC))
	$(CC) -shared -Wl,-soname,libviseme.so.0 -Wl,-z,defs $(LDFLAGS_ALL) -o $@ $^ $(LIB_LIBS)
$(BUILD)/libvisio.a: $(call obj,$(IO_SRC))
	@rm -f $@
	ar rcs $@ $^
$(BUILD)/viseme: $(call obj,$(CLI_SRC)) $(BUILD)/libvisio.a $(BUILD)/libviseme.a
	$(CC) $(LDFLAGS_ALL) -o $@ $^ $(IO_LIBS) $(LIB_LIBS)

# ---- tests, benchmarks, checks ------------------------------------------------------------------
include tests/tests.mk
include bench/bench.mk

.PHONY: clean
clean:
	rm -rf build build-*

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
