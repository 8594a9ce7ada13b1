# Unit tests: every tests/unit/test_*.c is a cmocka program linked with everything but the CLI.
UNIT_SRC := $(sort $(wildcard tests/unit/test_*.c))
UNIT_BIN := $(patsubst tests/unit/%.c,$(BUILD)/tests/%,$(UNIT_SRC))

$(BUILD)/tests/test_%: $(BUILD)/obj/tests/unit/test_%.o $(BUILD)/libvisio.a $(BUILD)/libviseme.a
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS_ALL) -o $@ $^ -lcmocka $(IO_LIBS) $(LIB_LIBS)

.PHONY: units
units: $(UNIT_BIN)

# Kernel checker: tests/checkkern/*.c
CHECKKERN_SRC := $(sort $(wildcard tests/checkkern/*.c))
$(BUILD)/checkkern: $(call obj,$(CHECKKERN_SRC)) $(BUILD)/libviseme.a
	$(CC) $(LDFLAGS_ALL) -o $@ $^ $(LIB_LIBS)

# Fuzz targets: every tests/fuzz/fuzz_*.c has LLVMFuzzerTestOneInput. With clang they link
# libFuzzer; tests/fuzz/replay.c gives any compiler a main() that replays files.
FUZZ_SRC := $(sort $(filter-out $(if $(filter 0,$(FFMPEG)),tests/fuzz/fuzz_video.c),$(wildcard tests/fuzz/fuzz_*.c)))
