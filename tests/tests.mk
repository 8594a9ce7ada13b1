# Everything that checks viseme. Each program is built for $(BUILD); tests/run.py runs them and
# prints one line for each and one count for all.

# Unit tests: every tests/unit/test_*.c is a cmocka program linked with tests/support and everything
# but the CLI.
UNIT_SRC := $(sort $(wildcard tests/unit/test_*.c))
UNIT_BIN := $(patsubst tests/unit/%.c,$(BUILD)/tests/%,$(UNIT_SRC))
SUPPORT := $(BUILD)/libsupport.a
$(SUPPORT): $(call obj,$(sort $(wildcard tests/support/*.c)))
$(BUILD)/tests/test_%: $(BUILD)/obj/tests/unit/test_%.o $(SUPPORT) $(BUILD)/libvisio.a \
        $(BUILD)/libviseme.a
	@mkdir -p $(@D)
	$(call say,ld)
	$(link) $(WRAPPED) -lcmocka $(IO_LIBS) $(LIB_LIBS)
# Their allocations, and those of the libraries linked into them, pass through the hands of
# tests/support/failing_memory.c.
$(BUILD)/tests/test_alloc_%: WRAPPED := $(addprefix -Wl$(comma)--wrap=,malloc calloc realloc \
        aligned_alloc strdup free XML_ParserCreate pthread_create)

# Seeded weights, inputs and taps of the goldens.
TEST_DATA := $(BUILD)/tests/data/.made
$(TEST_DATA): tests/make_data.py $(wildcard weights-tools/*.py weights-tools/reference/*.py) \
        $(wildcard tests/goldens/*/*)
	$(call say,data)
	$(Q)$(PYTHON) tests/make_data.py $(@D) && touch $@

# Kernel checker: every kernel at every level against a plain loop in double.
CHECKKERN_SRC := $(sort $(wildcard tests/checkkern/*.c))
CHECKKERN := $(if $(CHECKKERN_SRC),$(BUILD)/checkkern)
$(BUILD)/checkkern: $(call obj,$(CHECKKERN_SRC) $(FMA_SRC)) $(BUILD)/libviseme.a
	$(call say,ld)
	$(link) $(LIB_LIBS)

# Fuzz targets: every tests/fuzz/fuzz_*.c has LLVMFuzzerTestOneInput. With clang they link
# libFuzzer; tests/fuzz/replay.c gives any compiler a main() that replays files.
FUZZ_SRC := $(filter-out $(if $(filter 0,$(FFMPEG)),%/fuzz_video.c),$(wildcard tests/fuzz/fuzz_*.c))
REPLAY_BIN := $(patsubst tests/fuzz/%.c,$(BUILD)/replay/%,$(FUZZ_SRC))
FUZZ_BIN   := $(patsubst tests/fuzz/%.c,$(BUILD)/fuzz/%,$(FUZZ_SRC))
fuzz_libs   = $(BUILD)/libvisio.a $(BUILD)/libviseme.a
$(BUILD)/replay/fuzz_%: $(BUILD)/obj/tests/fuzz/fuzz_%.o \
        $(BUILD)/obj/tests/fuzz/replay.o $(fuzz_libs)
	@mkdir -p $(@D)
	$(call say,ld)
	$(link) $(IO_LIBS) $(LIB_LIBS)
$(BUILD)/fuzz/fuzz_%: $(BUILD)/obj/tests/fuzz/fuzz_%.o $(fuzz_libs)
	@mkdir -p $(@D)
	$(call say,ld)
	$(link) -fsanitize=fuzzer $(IO_LIBS) $(LIB_LIBS)

$(foreach d,replay fuzz,$(BUILD)/$(d)/fuzz_audio $(BUILD)/$(d)/fuzz_video): \
        $(BUILD)/obj/tests/fuzz/media.o

.PHONY: units test-programs fuzz-programs
.SECONDARY:
units: $(UNIT_BIN) $(TEST_DATA)
test-programs: all units $(CHECKKERN) $(REPLAY_BIN)
fuzz-programs: $(FUZZ_BIN)

# ---- what people run ---------------------------------------------------------------------------
RUN = $(PYTHON) tests/run.py --python '$(PYTHON)' --cc '$(CC)'

SUITES ?= units kernels fuzz tools cli checks
.PHONY: test test-asan test-tsan fuzz parity
test: deps-test
	@$(SUBMAKE) test-programs
	@$(RUN) --build $(BUILD) $(SUITES)

# The programs under AddressSanitizer, LeakSanitizer and UBSan, large shapes cropped.
ASAN = BUILD=build-asan SAN=address,undefined OPT='-O1'
test-asan: deps-test
	@$(SUBMAKE) $(ASAN) test-programs
	@VISEME_TEST_SMALL=1 $(RUN) --build build-asan --slow units kernels fuzz cli

# Whatever shares memory between threads, under ThreadSanitizer; OpenBLAS knows nothing of it.
TSAN = BUILD=build-tsan SAN=thread OPT='-O1' BLAS=0
TSAN_UNITS ?= pool thread session engine model joint token_nets dubber
test-tsan: deps-test
	@$(SUBMAKE) $(TSAN) units
	@VISEME_TEST_SMALL=1 $(RUN) --build build-tsan --slow --only $(TSAN_UNITS) -- units

# libFuzzer on every target from its seed corpus, FUZZ_SECONDS each; finds go to build-fuzz/.
FUZZ_SECONDS ?= 20
# Kernels never see a file, and clang needs minutes to instrument the unrolled ones.
ifneq ($(findstring fuzzer,$(SAN)),)
$(BUILD)/obj/kernels/%.o: CFLAGS_ALL += -fno-sanitize=all
endif
FUZZ = BUILD=build-fuzz CC=clang SAN=fuzzer-no-link,address,undefined OPT='-O1'
fuzz: deps-test
	@$(SUBMAKE) $(FUZZ) fuzz-programs
	@tests/fuzz/run.sh build-fuzz $(FUZZ_SECONDS)

parity:
	@$(DEPS) build parity
	@$(SUBMAKE) all
	@$(PYTHON) tests/parity.py --build $(BUILD)

# ---- style and rules ---------------------------------------------------------------------------
FORMATTED = $(sort $(wildcard $(foreach d,include base kernels kernels/c kernels/x86 engine nets \
        signal tasks io cli tests/unit tests/support tests/checkkern tests/fuzz bench examples, \
        $(d)/*.c $(d)/*.h)))

.PHONY: format lint
format:
	clang-format -i $(FORMATTED)
lint: deps-test
	@$(SUBMAKE) all
	clang-format --dry-run -Werror $(FORMATTED)
	@$(RUN) --build $(BUILD) checks
