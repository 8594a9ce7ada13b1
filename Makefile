# viseme: `make demo` and `make test` install what is missing, build and run. See README.md.
MAKEFLAGS += --no-builtin-rules
.DEFAULT_GOAL := all

# ---- options: make FFMPEG=0 BLAS=0 CAIRO=0 CC=clang SAN=address WERROR=1 V=1 (show commands) ---
FFMPEG ?= 1
BLAS   ?= 1
CAIRO  ?= 1
SAN    ?=
WERROR ?= 0
ifeq ($(origin CC),default)
CC := gcc
endif
V      ?=
PYTHON ?= /usr/bin/python3
PREFIX ?= /usr/local
LIBDIR ?= $(PREFIX)/lib
DESTDIR ?=

comma := ,
variant := $(if $(filter 0,$(FFMPEG)),-noffmpeg)$(if $(filter 0,$(BLAS)),-noblas)
variant := $(variant)$(if $(filter 0,$(CAIRO)),-nocairo)
variant := $(variant)$(if $(SAN),-$(firstword $(subst $(comma), ,$(SAN))))
variant := $(variant)$(if $(findstring clang,$(CC)),-clang)
BUILD ?= build$(variant)

VERSION := $(shell sed -n 's/^.define VISEME_VERSION_[MP][A-Z]* //p' include/viseme.h | paste -sd.)
COMMIT  := $(shell git describe --always --dirty 2>/dev/null || echo unknown)

pkg = $(shell pkg-config $(1) 2>/dev/null)
LIB_PKGS := jansson expat kissfft-float zlib
IO_PKGS  := libpng jansson
ifneq ($(FFMPEG),0)
IO_PKGS += libavformat libavcodec libavutil libswscale libswresample
endif
ifneq ($(CAIRO),0)
IO_PKGS += cairo
endif

WARN := -Wall -Wextra -Wshadow -Wundef -Wstrict-prototypes -Wmissing-prototypes -Wvla -Werror=vla \
        -Wpointer-arith -Wwrite-strings $(if $(filter 1,$(WERROR)),-Werror)
OPT  ?= -O3
CPPFLAGS += -I. -Iinclude -D_GNU_SOURCE -DVIS_FFMPEG=$(FFMPEG) -DVIS_BLAS=$(BLAS) \
        -DVIS_CAIRO=$(CAIRO)
SANITIZE := $(if $(SAN),-fsanitize=$(SAN) -fno-omit-frame-pointer -fno-sanitize-recover=all)
CFLAGS_ALL := -std=c11 $(OPT) -g -fno-math-errno -fno-trapping-math -ffp-contract=off \
        -fvisibility=hidden -fPIC $(WARN) $(SANITIZE) $(CFLAGS)
LIB_LIBS := $(call pkg,--libs $(LIB_PKGS)) $(if $(filter-out 0,$(BLAS)),-lopenblas) -lm -pthread
IO_LIBS  := $(call pkg,--libs $(IO_PKGS))
LDFLAGS_ALL := $(SANITIZE) $(LDFLAGS)

# ---- what is built from what -------------------------------------------------------------------
X86 := $(filter x86_64-%,$(shell $(CC) -dumpmachine))
LIB_SRC := $(sort $(wildcard $(foreach d,base kernels kernels/c $(if $(X86),kernels/x86) engine \
        nets signal tasks,$(d)/*.c)))
IO_SRC  := $(sort $(filter-out $(if $(filter 0,$(FFMPEG)),io/ffmpeg%.c) \
        $(if $(filter 0,$(CAIRO)),io/%_cairo.c),$(wildcard io/*.c)))
# <cairo.h> lies in a folder of its own.
$(BUILD)/obj/io/%_cairo.o: CPPFLAGS += $(call pkg,--cflags-only-I cairo)
CLI_SRC := $(sort $(filter-out $(if $(filter 0,$(FFMPEG)),cli/dub_run.c),$(wildcard cli/*.c)))
FMA_SRC := bench/fma_peak.c $(if $(X86),bench/fma_peak_avx2.c bench/fma_peak_avx512.c)
obj = $(patsubst %.c,$(BUILD)/obj/%.o,$(1))

# Each ISA file names its own flags, and only those files get them.
AVX2_FLAGS   := -mavx2 -mfma
AVX512_FLAGS := -mavx512f -mavx512bw -mavx512dq -mavx512vl -mavx2 -mfma
$(BUILD)/obj/%_avx2.o:   ISA := $(AVX2_FLAGS)
$(BUILD)/obj/%_avx512.o: ISA := $(AVX512_FLAGS)

Q = $(if $(V),,@)
say = $(if $(V),,@echo '$(1) $@')

.PHONY: all
all: $(BUILD)/viseme $(BUILD)/libviseme.a $(BUILD)/libviseme.so

$(BUILD)/obj/%.o: %.c Makefile | $(BUILD)/.deps
	$(call say,cc)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS_ALL) $(ISA) -MMD -MP -c -o $@ $<
$(BUILD)/obj/cli/version.o: CPPFLAGS += -DVIS_COMMIT='"$(COMMIT)"'
$(BUILD)/obj/cli/version.o: $(BUILD)/commit
$(BUILD)/commit: FORCE
	@mkdir -p $(@D)
	@echo '$(COMMIT)' | cmp -s - $@ || echo '$(COMMIT)' >$@
.PHONY: FORCE

# Once per build directory: says what is missing instead of a page of compiler errors.
DEPS := CC='$(CC)' PYTHON='$(PYTHON)' FFMPEG='$(FFMPEG)' BLAS='$(BLAS)' CAIRO='$(CAIRO)' \
        scripts/deps.sh
$(BUILD)/.deps:
	@$(DEPS) --check build
	@mkdir -p $(@D) && touch $@

link = $(Q)$(CC) $(LDFLAGS_ALL) -o $@ $^
$(BUILD)/libviseme.a: $(call obj,$(LIB_SRC))
$(BUILD)/libvisio.a: $(call obj,$(IO_SRC))
$(BUILD)/%.a:
	$(call say,ar)
	@rm -f $@
	$(Q)ar rcs $@ $^
$(BUILD)/libviseme.so: $(call obj,$(LIB_SRC))
	$(call say,ld)
	$(link) -shared -Wl,-soname,libviseme.so.0 -Wl,-z,defs $(LIB_LIBS)
$(BUILD)/viseme: $(call obj,$(CLI_SRC)) $(BUILD)/libvisio.a $(BUILD)/libviseme.a
	$(call say,ld)
	$(link) $(IO_LIBS) $(LIB_LIBS)

# ---- what people run ---------------------------------------------------------------------------
# A second make, so that pkg-config is asked again after packages were installed.
JOBS ?= $(shell nproc)
SUBMAKE = +$(MAKE) --no-print-directory $(if $(findstring -j,$(MAKEFLAGS)),,-j$(JOBS))

.PHONY: deps deps-test deps-bench deps-synth demo install install-files
deps:
	@$(DEPS) build
deps-test:
	@$(DEPS) build test
deps-bench:
	@$(DEPS) build bench
deps-synth:
	@$(DEPS) synth

demo:
	@$(DEPS) build demo
	@$(SUBMAKE) all
	@BUILD='$(BUILD)' PYTHON='$(PYTHON)' scripts/demo.sh

# Packagers: make install PREFIX=/usr LIBDIR=/usr/lib/x86_64-linux-gnu DESTDIR=stage
install: all
	@$(MAKE) --no-print-directory install-files

# Copies what is built; pages and completions are made by the program itself.
to = $(DESTDIR)$(PREFIX)
put = install -m 644
install-files:
	install -d $(addprefix $(to)/,bin include share/viseme/python share/viseme/grammars \
	    share/viseme/avatars \
	    share/man/man1 share/bash-completion/completions share/zsh/site-functions \
	    share/doc/viseme/examples) $(DESTDIR)$(LIBDIR)/pkgconfig
	install -m 755 $(BUILD)/viseme $(to)/bin/viseme
	$(put) include/viseme.h $(to)/include/viseme.h
	$(put) $(BUILD)/libviseme.a $(DESTDIR)$(LIBDIR)/libviseme.a
	install -m 755 $(BUILD)/libviseme.so $(DESTDIR)$(LIBDIR)/libviseme.so.$(VERSION)
	ln -sf libviseme.so.$(VERSION) $(DESTDIR)$(LIBDIR)/libviseme.so.0
	ln -sf libviseme.so.0 $(DESTDIR)$(LIBDIR)/libviseme.so
	sed -e 's|@PREFIX@|$(PREFIX)|' -e 's|@LIBDIR@|$(LIBDIR)|' -e 's|@VERSION@|$(VERSION)|' \
	    -e 's|@REQUIRES@|$(LIB_PKGS)|' \
	    -e 's|@LIBS@|$(if $(filter-out 0,$(BLAS)),-lopenblas )-lm -pthread|' \
	    viseme.pc.in >$(BUILD)/viseme.pc
	$(put) $(BUILD)/viseme.pc $(DESTDIR)$(LIBDIR)/pkgconfig/viseme.pc
	for f in $(sort $(wildcard weights/*.safetensors weights/*.md)); do \
	    $(put) "$$f" $(to)/share/viseme/ || exit 1; done
	for f in $(sort $(wildcard grammars/*.txt)); do \
	    $(put) "$$f" $(to)/share/viseme/grammars/ || exit 1; done
	$(put) $(sort $(wildcard assets/avatars/*)) $(to)/share/viseme/avatars/
	$(put) python/viseme.py $(to)/share/viseme/python/viseme.py
	$(put) $(sort $(wildcard examples/*)) $(to)/share/doc/viseme/examples/
	$(put) LICENSE $(to)/share/doc/viseme/LICENSE
	scripts/man.sh $(BUILD)/viseme '$(PREFIX)' >$(BUILD)/viseme.1
	$(put) $(BUILD)/viseme.1 $(to)/share/man/man1/viseme.1
	$(BUILD)/viseme completion bash >$(BUILD)/completion.bash
	$(put) $(BUILD)/completion.bash $(to)/share/bash-completion/completions/viseme
	$(BUILD)/viseme completion zsh >$(BUILD)/completion.zsh
	$(put) $(BUILD)/completion.zsh $(to)/share/zsh/site-functions/_viseme

include tests/tests.mk
include bench/bench.mk

.PHONY: clean
clean:
	rm -rf build build-*

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
