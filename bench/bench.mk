# Benchmarks: viseme against its peers. Results of `make bench` go to bench/results/.
BENCH_BIN := $(addprefix $(BUILD)/bench/,bench_net gemm peak)
FMA_SRC   := $(sort $(wildcard bench/fma_peak*.c))
$(BUILD)/obj/bench/%_avx2.o:   ISA := $(AVX2_FLAGS)
$(BUILD)/obj/bench/%_avx512.o: ISA := $(AVX512_FLAGS)

$(BUILD)/bench/%: $(BUILD)/obj/bench/%.o $(call obj,$(FMA_SRC)) $(BUILD)/libviseme.a
	@mkdir -p $(@D)
	$(call say,ld)
	$(link) $(LIB_LIBS)

.PHONY: bench bench-programs
bench-programs: $(BENCH_BIN)
bench: deps-bench
	@$(SUBMAKE) all bench-programs
	@$(PYTHON) bench/run --build $(BUILD) $(BENCH_ARGS)
